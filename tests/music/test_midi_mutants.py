"""Trust row 24: broken MIDI files are read or refused, quickly and in little memory.

The campaign runs in a process of its own, so that its memory is measured alone. The long setting
takes 100,000 mutants; every commit takes the first of the same sequence.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
CAMPAIGN = Path(__file__).with_name("midi_campaign.py")
needs_files = pytest.mark.skipif(
    not (DATA / "midi_music21").exists(), reason="the sets of MIDI files are not here"
)


def campaign(mutants, *settings):
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), str(DATA), str(mutants), *settings],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def check(report, mutants):
    assert report["tried"] == mutants + report["crafted"]
    assert report["escapes"] == []
    assert report["too_long"] == []
    assert report["read"] > 0.5 * report["tried"]
    assert report["grown_mb"] <= 50


@needs_files
def test_mutants_are_read_or_refused():
    check(campaign(100, "4"), 100)


@needs_files
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutants_are_read_or_refused():
    report = campaign(100_000)
    check(report, 100_000)
    assert report["slowest_cpu_s"] <= 1.0
