"""Translations from the command line: made, trained, written, measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqstudio.cli.entry import main


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    names = (("anna", "anne"), ("tom", "thomas"), ("paul", "paul"), ("mary", "marie"))
    acts = (("sing", "chante"), ("sleep", "dort"), ("read", "lit"), ("eat", "mange"),
            ("drink", "boit"), ("speak", "parle"))  # fmt: skip
    rows = [f"{name} {verb}s.\t{nom} {verbe}.\tCC-BY #{verb}"
            for name, nom in names for verb, verbe in acts]  # fmt: skip
    data = tmp_path / "pairs.tsv"
    data.write_text("\n".join(rows), "utf-8")
    path = tmp_path / "mine.seq"
    assert main(["new", "translate-seq2seq", str(path), "--data", str(data)]) == 0
    assert main(["train", str(path), "--steps", "3", "--threads", "1"]) == 0
    capsys.readouterr()
    return path


def test_a_prompt_is_translated_and_the_held_out_part_measured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = project.with_name("lines.txt")
    lines.write_text("tom sings.\n\nanna reads.\n", "utf-8")
    assert main(["generate", str(project), "--prompt-file", str(lines), "--beams", "3"]) == 0
    told = capsys.readouterr().out.split("\n")
    assert [line.partition(" → ")[0] for line in told[:2]] == ["tom sings.", "anna reads."]

    assert main(["evaluate", str(project), "--json", "--beams", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["beams"], found["sentences"]) == (2, 2)
    measures = {each["name"]: each for each in found["measures"]}
    assert "most similar training sentence" in measures["chrF"]["floor_name"]
    assert sum(group["count"] for group in found["by_length"]) == 2

    assert main(["generate", str(project), "--prompt", "tom", "--beams", "none"]) != 0
