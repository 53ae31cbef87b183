"""Measures of tunes against values worked out by hand or by brute force."""

from __future__ import annotations

from fractions import Fraction
from math import isnan, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqstudio.music.abc import read_tune
from seqstudio.music.measures import (
    clean_share,
    full_bar_share,
    longest_copy,
    pitch_class_entropy,
    pitch_range,
    scale_consistency,
    valid_share,
)
from seqstudio.music.score import Note


def notes(*pitches):
    return [Note(pitch, Fraction(i), Fraction(1)) for i, pitch in enumerate(pitches)]


def test_valid_and_clean_shares():
    texts = ["K:C\nCDE|", "K:C\nC?D|", "CDE|", "K:C\nz|"]
    tunes = [read_tune(text) for text in texts]
    assert valid_share(tunes) == 0.5
    assert clean_share(tunes) == 0.25
    assert isnan(valid_share([]))


def test_full_bar_share_counts_bars_over_all_tunes():
    head = "L:1/4\nM:3/4\nK:C\n"
    tunes = [read_tune(head + "CDE|CD|CDE|"), read_tune(head + "C2D|")]
    assert full_bar_share(tunes) == 0.75
    assert isnan(full_bar_share([read_tune("M:none\nK:C\nCD|")]))


def test_pitch_class_entropy():
    assert pitch_class_entropy(notes(60, 72, 48)) == 0.0
    assert pitch_class_entropy(notes(*range(60, 72))) == pytest.approx(log2(12))
    assert pitch_class_entropy(notes(60, 60, 60, 67)) == pytest.approx(
        -(0.75 * log2(0.75) + 0.25 * log2(0.25))
    )
    assert isnan(pitch_class_entropy([]))


def test_scale_consistency():
    assert scale_consistency(notes(62, 64, 66, 67, 69, 71, 73)) == 1.0
    assert scale_consistency(notes(*range(60, 72))) == pytest.approx(7 / 12)
    assert scale_consistency(notes(60, 62, 64, 61)) == 0.75
    assert isnan(scale_consistency([]))


def test_pitch_range():
    assert pitch_range(notes(64, 60, 79)) == (60, 79)
    assert pitch_range([]) is None


def brute_force(sample, training):
    return max(
        (b - a for a in range(len(sample)) for b in range(a + 1, len(sample) + 1)
         if sample[a:b] in training),
        default=0,
    )  # fmt: skip


few = st.text("abAB|", max_size=25)


@given(few, few)
def test_longest_copy_is_what_brute_force_finds(sample, training):
    copy = longest_copy(sample, training)
    assert copy.length == brute_force(sample, training)
    shared = sample[copy.start : copy.start + copy.length]
    assert len(shared) == copy.length
    assert training[copy.training_start : copy.training_start + copy.length] == shared


def test_longest_copy_by_hand():
    copy = longest_copy("xxGABc|dxx", "CDEF|GABc|dedB|")
    assert (copy.length, copy.start, copy.training_start) == (6, 2, 5)
    assert longest_copy("abc", "xyz").length == 0
    assert longest_copy("", "xyz").length == longest_copy("abc", "").length == 0


@pytest.mark.timeout(20)
def test_longest_copy_of_long_repetitive_texts():
    assert longest_copy("ab" * 10_000, "ab" * 50_000).length == 20_000
