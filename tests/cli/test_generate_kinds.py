"""What `generate --out` writes for each ending."""

from __future__ import annotations

import argparse
from xml.etree import ElementTree as ET

import pytest

from seqstudio.cli.generating import KINDS, file_bytes
from seqstudio.music.abc import read_tune
from seqstudio.music.codings import CODINGS

TUNE = "X:1\nT:Scale\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\nCDEF|GABc|\n"
STARTS = {".txt": b"X:1", ".abc": b"X:1", ".mid": b"MThd", ".musicxml": b"<?xml", ".wav": b"RIFF",
          ".flac": b"fLaC"}  # fmt: skip


@pytest.mark.parametrize("suffix", STARTS)
def test_every_kind_begins_as_it_should(suffix: str) -> None:
    if suffix == ".flac":
        pytest.importorskip("soundfile")
    assert file_bytes(TUNE, suffix, CODINGS["abc"]).startswith(STARTS[suffix])
    assert set(STARTS) == set(KINDS)


def test_a_tune_of_events_is_written_as_abc_and_musicxml() -> None:
    events = CODINGS["events"]
    text = events.write(read_tune(TUNE).score)
    abc = file_bytes(text, ".abc", events).decode()
    assert [note.pitch for note in read_tune(abc).score.notes] == [60, 62, 64, 65, 67, 69, 71, 72]
    root = ET.fromstring(file_bytes(text, ".musicxml", events))
    assert len(root.findall(".//pitch")) == 8


def test_the_help_names_every_kind() -> None:
    from seqstudio.cli.arguments import _generate

    parser = argparse.ArgumentParser(prog="seqstudio generate")
    _generate(parser)
    words = " ".join(parser.format_help().split())
    assert all(suffix in words for suffix in STARTS)
