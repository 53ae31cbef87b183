"""Aligning, distributing and laying out, as geometry."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.blocks.arranging import (
    Box,
    Join,
    align,
    around,
    distribute,
    fit,
    layout,
    spread,
    straighten,
)
from seqstudio.document.graph import Frame

BOXES = {"a": Box(0, 0, 100, 40), "b": Box(30, 100, 60, 20), "c": Box(200, 50, 40, 80)}


@pytest.mark.parametrize(
    ("side", "value"),
    [
        ("left", lambda b: b.x),
        ("centre", lambda b: b.x + b.width / 2),
        ("right", lambda b: b.x + b.width),
        ("top", lambda b: b.y),
        ("middle", lambda b: b.y + b.height / 2),
        ("bottom", lambda b: b.y + b.height),
    ],
)
def test_aligned_boxes_share_the_line_and_keep_the_other_axis(side, value) -> None:
    places = align(BOXES, side)
    moved = {key: BOXES[key]._replace(x=x, y=y) for key, (x, y) in places.items()}
    assert len({value(box) for box in moved.values()}) == 1
    kept = 1 if side in {"left", "centre", "right"} else 0
    assert all(places[key][kept] == BOXES[key][kept] for key in BOXES)
    assert value(around(moved.values())) == value(around(BOXES.values())) or side in {
        "centre", "middle",
    }  # fmt: skip


def test_distributed_boxes_have_equal_gaps_and_the_outer_ones_stay() -> None:
    places = distribute(BOXES, "x")
    order = sorted(BOXES, key=lambda key: places[key][0])
    assert order == ["a", "b", "c"]
    gaps = [places[b][0] - places[a][0] - BOXES[a].width for a, b in itertools.pairwise(order)]
    assert gaps[0] == pytest.approx(gaps[1])
    assert places["a"] == (0, 0)
    assert places["c"] == (200, 50)
    assert distribute({"a": BOXES["a"], "b": BOXES["b"]}, "y") == {"a": (0, 0), "b": (30, 100)}


def test_straightened_wires_are_level_along_a_chain_and_x_stays() -> None:
    joins = [Join("a", 10, "b", 4), Join("b", 8, "c", 30), Join("a", 10, "c", 60)]
    places = straighten(BOXES, joins)
    assert places["a"] == (0, 0)
    assert places["b"][1] + 4 == places["a"][1] + 10
    assert places["c"][1] + 30 == places["b"][1] + 8, "the first wire leads"
    assert [places[key][0] for key in BOXES] == [0, 30, 200]


def test_boxes_that_wait_for_each_other_are_straightened_without_end() -> None:
    loop = [Join("a", 0, "b", 0), Join("b", 0, "a", 0)]
    assert set(straighten(BOXES, loop)) == set(BOXES)


def overlaps(one: Box, two: Box) -> bool:
    return (
        one.x < two.x + two.width and two.x < one.x + one.width
        and one.y < two.y + two.height and two.y < one.y + one.height
    )  # fmt: skip


def stood(boxes, places) -> dict[str, Box]:
    return {key: boxes[key]._replace(x=x, y=y) for key, (x, y) in places.items()}


@st.composite
def nets(draw) -> tuple[dict[str, Box], list[Join]]:
    count = draw(st.integers(1, 14))
    size = st.integers(20, 200)
    boxes = {
        f"b{n}": Box(draw(st.integers(-500, 500)), draw(st.integers(-500, 500)), draw(size),
                     draw(size) + 40)
        for n in range(count)
    }  # fmt: skip
    end = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(end, end), max_size=25))
    joins = [Join(f"b{a}", 10, f"b{b}", 10) for a, b in pairs if a != b]
    return boxes, joins


@settings(max_examples=80, deadline=None)
@given(net=nets())
def test_no_layout_lets_blocks_overlap_and_wires_without_loops_point_right(net) -> None:
    boxes, joins = net
    places = layout(boxes, joins).places
    assert set(places) == set(boxes)
    for one, two in itertools.combinations(stood(boxes, places).values(), 2):
        assert not overlaps(one, two)
    forward = [j for j in joins if int(j.source[1:]) < int(j.target[1:])]
    places = layout(boxes, forward).places
    for join in forward:
        right = places[join.source][0] + boxes[join.source].width
        assert right < places[join.target][0]


def chain(*keys: str) -> list[Join]:
    return [Join(a, 20, b, 20) for a, b in itertools.pairwise(keys)]


def grid(*keys: str) -> dict[str, Box]:
    shuffled = random.Random(3).sample(range(len(keys)), len(keys))
    return {key: Box(10.0 * n, 17.0 * n, 100, 60) for key, n in zip(keys, shuffled, strict=True)}


def test_two_chains_that_cross_are_untangled() -> None:
    boxes = {
        "a1": Box(0, 0, 100, 60), "b1": Box(0, 100, 100, 60),
        "a2": Box(0, 300, 100, 60), "b2": Box(0, 200, 100, 60),
    }  # fmt: skip
    joins = [*chain("a1", "a2"), *chain("b1", "b2")]
    places = layout(boxes, joins).places
    assert (places["a1"][1] < places["b1"][1]) == (places["a2"][1] < places["b2"][1])


def test_a_chain_is_level_and_a_skip_leaves_room_beside_it() -> None:
    boxes = grid("a", "b", "c", "d")
    joins = [*chain("a", "b", "c", "d"), Join("a", 20, "d", 50)]
    places = layout(boxes, joins).places
    assert len({places[key][1] for key in "bcd"}) == 1
    assert places["a"][1] == places["b"][1]


def test_what_has_no_input_stands_right_before_what_it_feeds() -> None:
    boxes = grid("a", "b", "c", "late")
    places = layout(boxes, [*chain("a", "b", "c"), Join("late", 20, "c", 50)]).places
    assert places["late"][0] == places["b"][0]


def test_frames_keep_their_blocks_and_nothing_foreign_comes_on_them() -> None:
    boxes = {key: Box(200.0 * n, 0, 100, 60) for n, key in enumerate("abcde")}
    frames = [Frame("f", 190, -50, 320, 200), Frame("inner", 395, -40, 110, 180)]
    joins = [*chain("a", "b", "c", "d", "e"), Join("a", 20, "d", 50)]
    found = layout(boxes, joins, frames)
    moved = stood(boxes, found.places)
    by_id = {frame.id: frame for frame in found.frames}
    assert {k for k, box in moved.items() if by_id["f"].holds(*box.centre)} == {"b", "c"}
    assert {k for k, box in moved.items() if by_id["inner"].holds(*box.centre)} == {"c"}
    outer = Box(by_id["f"].x, by_id["f"].y, by_id["f"].width, by_id["f"].height)
    assert not any(overlaps(outer, moved[key]) for key in "ade")
    assert layout({}, []).places == {}


def test_a_fitted_frame_holds_everything_with_room_for_its_title() -> None:
    frame = fit(Frame("f", 5, 5, 1, 1, "Title"), BOXES.values())
    whole = around(BOXES.values())
    assert frame.x < whole.x
    assert frame.y < whole.y - 28
    assert frame.x + frame.width > whole.x + whole.width
    assert frame.y + frame.height > whole.y + whole.height
    assert frame.title == "Title"


@settings(max_examples=60, deadline=None)
@given(
    wanted=st.lists(st.floats(-100, 100), min_size=1, max_size=8),
    gap=st.floats(0, 30),
)
def test_spread_keeps_distance_and_leaves_alone_what_has_room(wanted, gap) -> None:
    places = spread(wanted, [gap] * (len(wanted) - 1), [1.0] * len(wanted))
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(places))
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)):
        assert places == pytest.approx(wanted, abs=1e-9)
    assert sum(places) - sum(wanted) == pytest.approx(0, abs=1e-6), "nobody gains"
