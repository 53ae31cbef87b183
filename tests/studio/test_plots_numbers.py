"""Series, scales, ticks and labels as numbers, against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqstudio.studio.plots import Scale, Series, power_text, spread, ticks
from seqstudio.studio.plots.maps import pool
from seqstudio.studio.plots.scale import around, grown, tick_texts

values = st.lists(
    st.floats(-1e6, 1e6) | st.just(float("nan")) | st.just(float("inf")), max_size=900
)


# Series


@given(values, st.integers(1, 40), st.lists(st.integers(0, 900), max_size=5))
def test_the_pyramid_loses_no_extreme(data: list[float], columns: int, cuts: list[int]) -> None:
    series = Series()
    ends = sorted(min(cut, len(data)) for cut in cuts)
    for start, stop in zip([0, *ends], [*ends, len(data)], strict=True):
        series.extend(np.arange(start, stop), data[start:stop])
    part = series.reduce(0, len(data), columns)
    finite = np.array([v for v in data if np.isfinite(v)])
    seen = np.concatenate([part.low, part.high])
    seen = seen[np.isfinite(seen)]
    if finite.size:
        assert (seen.min(), seen.max()) == (finite.min(), finite.max())
        assert series.extent() == (finite.min(), finite.max())
    else:
        assert not seen.size
        assert series.extent() is None


@given(st.integers(0, 700), st.integers(1, 60))
def test_each_block_holds_its_own_extremes(count: int, columns: int) -> None:
    y = np.random.default_rng(count).normal(size=count)
    series = Series()
    series.extend(np.arange(count), y)
    part = series.reduce(-1, count, columns)
    edges = [*part.x.astype(int).tolist(), count]
    for index in range(len(part.x) - (0 if part.exact else 2)):
        block = y[edges[index] : max(edges[index] + 1, edges[index + 1])]
        assert part.low[index] == block.min()
        assert part.high[index] == block.max()


def test_a_reduction_is_small() -> None:
    series = Series()
    series.extend(np.arange(1_000_000), np.zeros(1_000_000))
    for x0, x1 in ((0, 1e6), (1000, 500_000), (3, 2000)):
        assert len(series.reduce(x0, x1, 800).x) <= 4 * 800 + 4


def test_appending_one_by_one_equals_extending() -> None:
    y = np.random.default_rng(0).normal(size=3000)
    single, bulk = Series(), Series()
    for x, value in enumerate(y):
        single.append(x, value)
    bulk.extend(np.arange(3000), y)
    for columns in (5, 50, 500):
        one, other = single.reduce(0, 3000, columns), bulk.reduce(0, 3000, columns)
        assert np.array_equal(one.x, other.x)
        assert np.array_equal(one.low, other.low)
        assert np.array_equal(one.high, other.high)


def test_zoomed_in_every_sample_is_there_with_its_neighbours() -> None:
    series = Series()
    series.extend(np.arange(10_000), np.arange(10_000) ** 2)
    part = series.reduce(500, 520, 800)
    assert part.exact
    assert part.x.tolist() == list(range(499, 522))


def test_what_a_series_refuses() -> None:
    series = Series()
    series.append(5, 1)
    with pytest.raises(ValueError, match="ascend"):
        series.append(4, 1)
    with pytest.raises(ValueError, match="ascend"):
        series.extend([6, 5], [0, 0])
    with pytest.raises(ValueError, match="2 abscissas"):
        series.extend([6, 7], [0])
    assert len(series) == 1


def test_reading_off_a_value() -> None:
    series = Series()
    series.extend([0, 10, 20], [1.0, 2.0, np.nan])
    assert np.isnan(series.at(-1))
    assert series.at(0) == 1.0
    assert series.at(19.9) == 2.0
    assert np.isnan(series.at(25))
    assert series.last() == (10.0, 2.0)
    assert series.faults.tolist() == [20.0]
    series.clear()
    assert series.last() is None
    assert len(series.faults) == 0


# Scales and ticks

ranges = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda r: (r[0], r[0] + r[1]))


@given(ranges, st.integers(2, 8))
def test_ticks_are_round_ascending_and_inside(ends: tuple[float, float], most: int) -> None:
    scale = Scale(*ends)
    found = ticks(scale, most)
    assert len(found) <= most + 1
    room = 1e-6 * (ends[1] - ends[0])
    assert all(ends[0] - room <= tick <= ends[1] + room for tick in found)
    assert all(b > a for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-12, 1e4, [1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e3]),
        (0.01, 100, [0.01, 0.1, 1.0, 10.0, 100.0]),
    ],
)
def test_decades(low: float, high: float, expected: list[float]) -> None:
    assert ticks(Scale(low, high, log=True)) == pytest.approx(expected)


def test_tick_texts() -> None:
    assert tick_texts([1e-3, 1.0, 1e3], Scale(1e-4, 1e4, log=True)) == ["10⁻³", "1", "10³"]
    assert tick_texts([0.0, 0.5, 1.0], Scale(0, 1)) == ["0.0", "0.5", "1.0"]
    assert tick_texts([0.0, 5000.0, 10000.0], Scale(0, 10000)) == ["0", "5,000", "10,000"]
    assert power_text(1e-12) == "10⁻¹²"


@given(ranges, st.floats(0, 1))
def test_share_and_value_are_inverse(ends: tuple[float, float], share: float) -> None:
    scale = Scale(*ends)
    assert float(scale.share(scale.value(share))) == pytest.approx(share, abs=1e-6)


def test_log_shares_are_decades() -> None:
    scale = Scale(1e-4, 1e4, log=True)
    assert scale.share([1e-4, 1.0, 1e4]) == pytest.approx([0, 0.5, 1])
    assert np.isnan(scale.share([0.0, -1.0])).all()


@given(ranges, st.floats(0.01, 0.99), st.floats(0.1, 10))
def test_zooming_keeps_the_place_under_the_pointer(
    ends: tuple[float, float], about: float, factor: float
) -> None:
    before = Scale(*ends)
    after = before.zoomed(about, factor)
    room = 1e-6 * (ends[1] - ends[0]) * max(1, factor)
    assert after.value(about) == pytest.approx(before.value(about), abs=room)


@pytest.mark.parametrize(("low", "high", "log"), [(1, 1, False), (2, 1, False), (0, 1, True)])
def test_no_empty_ranges(low: float, high: float, log: bool) -> None:
    with pytest.raises(ValueError, match="not a range"):
        Scale(low, high, log)


@given(ranges, ranges)
def test_a_grown_range_holds_both(home: tuple[float, float], data: tuple[float, float]) -> None:
    scale = grown(Scale(*home), *data)
    room = 1e-6 * max(abs(v) for v in (*home, *data, 1))
    assert scale.low <= min(home[0], data[0]) + room
    assert scale.high >= max(home[1], data[1]) - room


def test_a_range_grows_in_steps() -> None:
    scale, seen = Scale(0, 1000), []
    for step in range(0, 20_000, 10):
        larger = grown(scale, 0, step)
        if larger != scale:
            seen.append(larger.high)
        scale = larger
    assert len(seen) < 20
    assert grown(Scale(1, 10, log=True), 0.02, 5e5) == Scale(0.01, 1e6, log=True)
    assert grown(Scale(0, 1), float("nan"), 3) == Scale(0, 1)


def test_round_ends_around_data() -> None:
    assert around(1.37, 3.9) == Scale(1, 4)
    assert around(3e-5, 0.2, log=True) == Scale(1e-5, 1, log=True)
    one = around(2.0, 2.0)
    assert one.low < 2 < one.high


# Labels


@given(st.lists(st.floats(0, 300), max_size=12), st.floats(1, 30))
def test_labels_move_apart_and_stay_inside(places: list[float], gap: float) -> None:
    moved = spread(places, gap, 0.0, 400.0)
    order = np.argsort(places, kind="stable")
    apart = np.diff(np.array(moved)[order])
    assert (apart >= min(gap, 400 / max(1, len(places) - 1)) - 1e-6).all()
    assert all(-1e-6 <= place <= 400 + 1e-6 for place in moved)


def test_labels_that_have_room_do_not_move() -> None:
    assert spread([10, 50, 90], 14, 0, 100) == [10, 50, 90]


def test_two_labels_share_the_shift() -> None:
    assert spread([50, 52], 14, 0, 100) == pytest.approx([44, 58])


# Reduction of maps


def test_pooling_keeps_the_single_bright_cell() -> None:
    cells = np.zeros((64, 64))
    cells[37, 11] = 1.0
    small = pool(cells, np.zeros((64, 64), bool), 16, 8)
    assert small.values.shape == (16, 8)
    assert (small.rows, small.columns) == (4, 8)
    assert small.values[9, 1] == 1.0
    assert small.values.sum() == 1.0


def test_pooling_of_signed_values_keeps_the_largest_magnitude() -> None:
    cells = np.array([[0.2, -0.9], [0.1, 0.3]])
    assert pool(cells, np.zeros((2, 2), bool), 1, 1).values.tolist() == [[-0.9]]


def test_masked_cells_never_win() -> None:
    cells = np.array([[5.0, 1.0, 7.0, 7.0]])
    masked = np.array([[True, False, True, True]])
    small = pool(cells, masked, 1, 2)
    assert small.values[0, 0] == 1.0
    assert small.masked.tolist() == [[False, True]]


def test_uneven_blocks_and_nothing_to_pool() -> None:
    cells = np.arange(15.0).reshape(3, 5)
    small = pool(cells, np.zeros((3, 5), bool), 2, 2)
    assert small.values.tolist() == [[7.0, 9.0], [12.0, 14.0]]
    same = pool(cells, np.zeros((3, 5), bool), 10, 10)
    assert same.values is cells
