"""Scores of units against plain formulas, and a baseline that noise does not pass."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.insight.follow import (
    Units,
    centred_ranks,
    halves,
    recurrence,
    shuffled,
    standardised,
)

RNG = np.random.default_rng(3)
STEPS, COUNT = 400, 20


def parts() -> tuple[np.ndarray, np.ndarray]:
    return halves((0,), STEPS)


def noise() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(STEPS, COUNT)).astype(np.float32)


def blocks(longest: int = 15) -> np.ndarray:
    sizes = np.random.default_rng(7).integers(3, longest, STEPS)
    return np.repeat(np.arange(STEPS) % 2, sizes)[:STEPS].astype(float)


def test_score_is_pearsons_r_on_each_part() -> None:
    x, y = noise(), blocks()
    x[:, 7] += 2 * y
    found = Units(x, *parts()).follow(y, "correlation")
    for half, got in ((slice(0, 200), found.score), (slice(200, 400), found.held)):
        want = [np.corrcoef(x[half, n], y[half])[0, 1] for n in range(COUNT)]
        signs = np.sign(found.score) if got is found.held else 1
        np.testing.assert_allclose(got, want * signs, atol=1e-5)
    assert found.best == 7
    assert list(np.argsort(-abs(found.score))) == list(found.order)


def test_contrast_is_twice_the_auc_less_one_with_ties() -> None:
    x, y = np.round(noise(), 1), blocks()
    x[:, 3] -= y
    found = Units(x, *parts()).follow(y, "contrast")
    for n in range(COUNT):
        inside, outside = (x[:200, n][y[:200] == side] for side in (1, 0))
        above = (inside[:, None] > outside).mean() + (inside[:, None] == outside).mean() / 2
        assert found.score[n] == pytest.approx(2 * above - 1, abs=1e-5)
    assert found.best == 3
    assert found.score[3] < 0 < found.held[3], "a unit that is off inside counts too"


def test_ratio_is_the_correlation_ratio_and_is_checked_with_the_means_it_learnt() -> None:
    x, y = noise(), RNG.integers(0, 4, STEPS).astype(float)
    x[:, 11] += np.array([0.0, 2.0, -1.0, 0.5])[y.astype(int)]
    found = Units(x, *parts()).follow(y, "ratio")
    a, b, c, d = x[:200], y[:200], x[200:], y[200:]
    for n in range(COUNT):
        means = np.array([a[b == k, n].mean() for k in range(4)])
        between = sum((b == k).mean() * (means[k] - a[:, n].mean()) ** 2 for k in range(4))
        assert found.score[n] == pytest.approx(np.sqrt(between / a[:, n].var()), abs=1e-4)
        want = np.corrcoef(means[d.astype(int)], c[:, n])[0, 1]
        assert found.held[n] == pytest.approx(want, abs=1e-4)
    assert found.best == 11


@pytest.mark.parametrize("measure", ["correlation", "contrast", "ratio"])
def test_noise_stays_below_the_baseline_and_a_real_unit_above(measure: str) -> None:
    y = blocks()
    nothing = Units(noise(), *parts()).follow(y, measure)
    assert nothing.worth < nothing.baseline
    assert nothing.p > 0.05
    x = noise()
    x[:, 7] += 3 * y
    real = Units(x, *parts()).follow(y, measure)
    assert real.worth > 2 * real.baseline
    assert real.p == pytest.approx(1 / 201)


def test_a_unit_that_only_drifts_does_not_pass_for_a_slow_pattern() -> None:
    # Both change slowly: with single values shuffled, any slow pattern would look significant.
    walk = np.random.default_rng(1).normal(size=(STEPS, COUNT)).cumsum(0)
    found = Units(walk, *parts()).follow(blocks(60))
    assert found.p > 0.05


def test_without_a_second_part_the_search_is_what_is_told() -> None:
    x, y = noise(), np.zeros(STEPS)
    y[30:60] = 1
    x[:, 2] += 3 * y
    found = Units(x, *parts()).follow(y, "contrast")
    assert not found.checked
    assert np.isnan(found.held).all()
    assert found.best == 2
    assert found.worth == pytest.approx(abs(found.score[2]))
    assert found.worth > found.baseline


def test_undefined_places_and_still_units_are_left_out() -> None:
    x, y = noise(), blocks()
    x[:, 0], x[:, 1] = 0.25, 1.0
    y[50:90] = np.nan
    found = Units(x, *parts()).follow(y)
    assert found.score[0] == found.score[1] == 0
    known = np.isfinite(y[:200])
    want = np.corrcoef(x[:200, 5][known], y[:200][known])[0, 1]
    assert found.score[5] == pytest.approx(want, abs=1e-5)
    assert not Units(x, *parts()).usable(np.ones(STEPS))
    with pytest.raises(ValueError, match="same everywhere"):
        Units(x, *parts()).follow(np.ones(STEPS))


def test_linear_probe_reads_what_no_unit_says_alone() -> None:
    x, y = noise(), blocks()
    graded = x[:, 2] - x[:, 3] + 0.5 * x[:, 4]
    units = Units(x, *parts())
    assert units.linear(graded, "graded") > 0.95
    assert abs(units.linear(graded, "graded") - units.linear(2 * graded + 1, "graded")) < 1e-9
    assert 0.35 < units.linear(y, "binary") < 0.65, "noise knows nothing"
    x[:, 5] += 4 * y
    assert Units(x, *parts()).linear(y, "binary") > 0.9
    rare = (np.arange(STEPS) % 23 == 0).astype(float)
    x[:, 6] += 4 * rare
    assert Units(x, *parts()).linear(rare, "binary") > 0.85, "few of them are told too"


def test_shuffles_keep_the_pattern_as_it_is() -> None:
    for copy in shuffled(blocks(), 5):
        assert copy.sum() == blocks().sum()
        runs, before = ((np.diff(y) != 0).sum() for y in (copy, blocks()))
        assert runs <= before + 5, "it is cut in few places"
        assert not np.array_equal(copy, blocks())


def test_a_phrase_is_found_again_and_the_text_is_cut_between_its_places() -> None:
    text = "xx ab yy ab zz ab ww ab"
    found = recurrence(text, 3, 4)
    assert found.count == 4
    assert "".join(t for t, p in zip(text, found.pattern, strict=True) if p) == "abababab"
    assert found.search[3]
    assert found.pattern[found.search].sum() == found.pattern[found.check].sum() == 4
    late = recurrence(text, 21, 22)
    assert late.search[21]
    assert not late.check[21]
    once = recurrence(text, 0, 1)
    assert once.count == 1
    assert not once.check.any()
    assert recurrence("aaaaa", 1, 2).pattern[1:3].all(), "the brush itself always counts"


def test_halves_cut_no_example() -> None:
    search, check = halves((0, 10, 30, 70), 80)
    assert search.sum() == 30
    assert not (search & check).any()
    assert (search | check).all()


def test_columns_have_rank_and_spread() -> None:
    x = noise()
    np.testing.assert_allclose(standardised(x).std(0), 1, atol=1e-4)
    np.testing.assert_allclose(centred_ranks(x).mean(0), 0, atol=1e-5)
    assert centred_ranks(x).max() == pytest.approx(1 - 1 / STEPS)
