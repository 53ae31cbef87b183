"""Trust row 25: broken ABC never crashes the reader, and it stays quick.

The long setting takes 100,000 mutants of the 804 tunes; every commit takes the first of the same
sequence, and some of the crafted tunes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

IRISH = Path(__file__).resolve().parents[2].parent / "shared/data/irish_abc/irish.abc"
CAMPAIGN = Path(__file__).with_name("abc_campaign.py")
needs_tunes = pytest.mark.skipif(not IRISH.exists(), reason="the irish_abc data set is not here")


def campaign(mutants, *settings):
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), str(IRISH), str(mutants), *settings],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def check(report, mutants):
    assert report["tried"] == mutants + report["crafted"]
    assert report["crashes"] == []
    assert report["read"] > 0.9 * mutants


@needs_tunes
@pytest.mark.timeout(120)
def test_mutants_of_tunes_are_read():
    check(campaign(60, "24"), 60)


@needs_tunes
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_mutants_of_tunes_are_read():
    report = campaign(100_000)
    check(report, 100_000)
    assert report["parsed"] >= 0.99 * report["tunes"]
    assert report["above_half_a_second"] == 0
