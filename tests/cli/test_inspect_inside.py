"""`seqstudio inspect` gives the numbers that the panels of "Look inside" show."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from seqstudio.cli.inspecting import DRAWN, LOOKS
from seqstudio.document.project import load_project, project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.records.inside.spectrum import SpectrumOf
from seqstudio.records.looking import LookAt
from seqstudio.records.tables import numbers_of

ATTENDING = {"weights", "products", "rollout", "heads"}
OF_MEMORY = {"distance"}  # a text has no distance to change


@pytest.mark.parametrize("what", sorted(set(LOOKS) - ATTENDING - OF_MEMORY))
def test_every_look_gives_numbers(call, made: Path, tmp_path: Path, what: str) -> None:
    out = tmp_path / "found.npz"
    told = call("inspect", what, made / "small.seq", "--text", "the cat and the dog", "--out", out)
    assert told.code == 0, told.err
    assert f"{what} of lstm-1 at step 20" in told.out
    with np.load(out, allow_pickle=False) as arrays:
        assert len(arrays.files) > 2
        assert int(arrays["step"]) == 20


@pytest.mark.parametrize("what", sorted(ATTENDING))
def test_a_model_without_attention_says_what_it_would_need(
    call, made: Path, tmp_path: Path, what: str
) -> None:
    told = call("inspect", what, made / "small.seq", "--out", tmp_path / "found.npz")
    assert told.code == 2
    assert "attention" in told.err
    assert not (tmp_path / "found.npz").exists()


def test_numbers_are_those_of_the_panel_at_that_step(call, made: Path, tmp_path: Path) -> None:
    out, words = tmp_path / "found.npz", "the cat and the dog"
    path = made / "small.seq"
    told = call("inspect", "spectrum", path, "--step", "20", "--set", "exponents=3",
                "--text", words, "--out", out)  # fmt: skip
    assert told.code == 0, told.err
    looker = Looker()
    folder = str(made / "small.runs" / "lstm-1")
    project = project_text(load_project(Path(folder) / "project.seq"))
    wish = LookAt(1, "panel", SpectrumOf(exponents=3), project, str(made), folder, 20, words)
    looker.wish(wish)
    answers = []
    while looker.busy:
        answers.append(looker.advance())
    shown = numbers_of([each for each in answers if each is not None][-1].reading)
    with np.load(out, allow_pickle=False) as arrays:
        for name, array in shown.items():
            np.testing.assert_array_equal(arrays[name], array)


def test_lines_are_the_same_numbers(call, made: Path, tmp_path: Path) -> None:
    for ending in ("npz", "csv"):
        out = tmp_path / f"map.{ending}"
        words = ("inspect", "time-map", made / "small.seq", "--set", "steps=6", "--out", out)
        assert call(*words).code == 0
    with (tmp_path / "map.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"] == "log10_h"]
    with np.load(tmp_path / "map.npz", allow_pickle=False) as arrays:
        assert [float(row["value"]) for row in rows] == pytest.approx(
            arrays["log10_h"].ravel().tolist(), nan_ok=True
        )


def test_a_look_is_drawn_as_its_panel(call, made: Path, tmp_path: Path) -> None:
    pytest.importorskip("PySide6")
    out = tmp_path / "map.png"
    told = call("inspect", "time-map", made / "small.seq", "--out", out)
    assert told.code == 0, told.err
    assert out.read_bytes().startswith(b"\x89PNG")
    assert out.stat().st_size > 10_000
    from seqstudio.studio.render import PANELS

    assert set(PANELS) >= DRAWN


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("spectrum", "--set", "colour=red"), "setting of this look"),
        (("spectrum", "--set", "steps=many"), "steps cannot be 'many'"),
        (("spectrum", "--set", "steps"), "has no value"),
        (("spectrum", "--step", "soon"), "is no step"),
        (("gradients", "--step", "3"), "do not fit gradients"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    call, made: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    what, *rest = words
    found = call("inspect", what, made / "small.seq", *rest, "--out", tmp_path / "x.npz")
    assert found.code == 2
    assert told in found.err
