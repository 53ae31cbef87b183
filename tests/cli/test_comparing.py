"""`compare`: other memories in the place of the model's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("template", "memories", "told"),
    [
        ("hello-rnn", "mamba", "There is no memory 'mamba'"),
        ("hello-rnn", ",", "There is no memory"),
        ("order-bag", "gru", "no memory to exchange"),
        ("reverse-seq2seq", "transformer", "shares its state"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_trains(
    call, tmp_path: Path, template: str, memories: str, told: str
) -> None:
    path = tmp_path / "a.seq"
    assert call("new", template, path).code == 0
    found = call("compare", path, "--with", memories, "--steps", "2")
    assert found.code == 2
    assert told in found.err
    assert not (tmp_path / "a.runs").exists()


@pytest.mark.long
def test_every_memory_is_trained_and_measured_alike(call, tmp_path: Path) -> None:
    path = tmp_path / "hello.seq"
    assert call("new", "hello-rnn", path).code == 0
    found = call("compare", path, "--with", "rnn,gru", "--steps", "3", "--json")
    assert found.code == 0
    records = [record for record in found.records if record["event"] == "memory"]
    assert sorted(record["memory"].split()[0] for record in records) == ["gru", "rnn"]
    assert {record["measure"] for record in records} == {"accuracy"}
    assert all(record["state"] == "done" and record["validation"] > 0 for record in records)
