"""Numbers about scores, each against a count by hand, and the overlap of two sets."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.data.music_facts import facts_of_scores, nearness
from seqstudio.music.score import Note, Score
from seqstudio.music.statistics import (
    empty_beat_share,
    groove_consistency,
    length_histogram,
    numbers_of,
    overlapping_area,
    pitch_class_histogram,
    polyphony,
    polyphony_share,
    repeated_bar_share,
)

BARS = tuple(Fraction(4 * n) for n in range(4))


def score(*notes: tuple[int, float, float]) -> Score:
    made = tuple(Note(p, Fraction(start), Fraction(length)) for p, start, length in notes)
    return Score(made, meter=(4, 4), bar_starts=BARS, end_beats=Fraction(16))


def test_groove_counts_the_steps_in_which_rhythms_differ() -> None:
    # bar 1: onsets at steps 0, 4; bar 2: 0, 8; bars 3 and 4: none.
    found = score((60, 0, 1), (62, 1, 1), (60, 4, 1), (62, 6, 1))
    assert groove_consistency(found) == pytest.approx(1 - (2 + 2 + 0) / 3 / 16)
    assert groove_consistency(score((60, 0, 16))) == pytest.approx(1 - 1 / 48)
    assert math.isnan(groove_consistency(Score()))


def test_empty_beats_and_polyphony_by_hand() -> None:
    found = score((60, 0, 2), (64, 1, 2), (67, 8.5, 0.25))
    assert empty_beat_share(found) == pytest.approx(12 / 16)
    assert polyphony(found) == pytest.approx((48 + 48 + 6) / (72 + 6))
    assert polyphony_share(found) == pytest.approx(1 / 16)
    assert math.isnan(empty_beat_share(Score()))
    assert math.isnan(polyphony(Score()))


def test_a_bar_repeats_when_every_note_does() -> None:
    once = [(60, 0, 1), (62, 1, 2)]
    again = [(p, start + 8, length) for p, start, length in once]
    nearly = [(60, 12, 1), (62, 13, 1)]
    assert repeated_bar_share(score(*once, *again, *nearly)) == pytest.approx(1 / 3)
    assert math.isnan(repeated_bar_share(score()))


def test_histograms() -> None:
    found = score((60, 0, 1), (72, 1, 1), (67, 2, 2), (62, 4, 1)).notes
    assert pitch_class_histogram(found)[[0, 2, 7]].tolist() == [0.5, 0.25, 0.25]
    assert length_histogram(found) == {Fraction(1): 0.75, Fraction(2): 0.25}
    assert not pitch_class_histogram([]).any()


def test_numbers_of_a_piece() -> None:
    found = numbers_of(score((60, 0, 1), (64, 1, 1), (60, 4, 2)))
    assert (found.notes, found.bars, found.pitch_classes, found.semitones) == (3, 4, 2, 4)
    assert found.mean_length == pytest.approx(4 / 3)
    assert found.mean_pitch == pytest.approx(184 / 3)
    assert math.isnan(numbers_of(Score()).semitones)


def test_overlap_of_the_same_of_far_and_of_shifted_sets() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    assert overlapping_area(values, values) == pytest.approx(1, abs=1e-3)
    assert overlapping_area(values, values + 100) == pytest.approx(0, abs=1e-6)
    # two normals of one spread, d apart, share 2 Φ(-d / 2); the kernels widen both a little
    shared = overlapping_area(values, values[::-1] + 1)
    width = math.sqrt(values.var(ddof=1) * (1 + 400**-0.4))
    assert shared == pytest.approx(math.erfc(1 / width / math.sqrt(8)), abs=0.03)
    assert overlapping_area([1, 1, 1], [1, 1, 1]) == pytest.approx(1, abs=1e-3)
    assert math.isnan(overlapping_area([1.0], values))


def test_facts_of_a_set_and_their_nearness() -> None:
    pieces = [score((60 + n, 0, 1), (64, 4, 2 + n % 2)) for n in range(6)]
    facts = facts_of_scores(pieces)
    assert (facts.pieces, facts.notes, facts.bars) == (6, 12, 24)
    assert (facts.lowest, facts.highest) == (60, 65)
    assert facts.meters == (("4/4", 1.0),)
    assert facts.lengths[0] == (Fraction(1), 0.5)
    assert sum(facts.pitch_classes) == pytest.approx(1)
    assert facts.mean("notes") == 2
    assert nearness(facts, facts)["mean_pitch"] == pytest.approx(1, abs=1e-3)
    stop = iter([False, False, True])
    assert len(facts_of_scores(pieces, lambda: next(stop)).each) == 2
    empty = facts_of_scores([])
    assert empty.lowest is None
    assert math.isnan(empty.mean("groove"))
