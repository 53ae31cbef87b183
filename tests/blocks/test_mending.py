"""Quick fixes that fix, and suggestions that fit."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts, Shape
from seqstudio.blocks.mending import mending
from seqstudio.blocks.suggesting import Habits, feeders, followers, takes
from seqstudio.blocks.templates import make
from seqstudio.document.graph import Block, Graph, Wire

FACTS = DataFacts("A text", "next token", "ids", 65)
CHECK = partial(check, facts=FACTS)


def branches(first: int, second: int) -> Graph:
    """Tokens and an embedding, then two layers of these widths that are added."""
    graph = make("char-lstm").graph
    for key, kind, width in (("one", "linear", first), ("two", "linear", second)):
        graph = graph.with_block(Block(key, kind, params={"width": width}))
        graph = graph.with_wire(Wire("embedding", "out", key, "in"))
    graph = graph.with_block(Block("add", "add"))
    graph = graph.with_wire(Wire("one", "out", "add", "in"))
    graph = graph.with_wire(Wire("two", "out", "add", "other"))
    return graph.with_wire(Wire("add", "out", "next_token", "in"))


def test_the_fix_of_a_width_says_and_does_what_is_needed() -> None:
    graph = branches(128, 256)
    report = CHECK(graph)
    (problem,) = report.errors
    mend = mending(graph, report, problem, CHECK)
    assert mend is not None
    assert mend.words == "Insert a Linear 256 → 128"
    assert mend.settings == {"width": 128}
    assert mend.wire == Wire("two", "out", "add", "other")


def test_tokens_get_an_embedding_and_a_good_graph_nothing() -> None:
    graph = make("char-lstm").graph
    bare = graph.without_blocks(["embedding"]).with_wire(Wire("tokens", "out", "lstm", "in"))
    report = CHECK(bare)
    mends = [mending(bare, report, problem, CHECK) for problem in report.errors]
    assert "Insert an Embedding" in [mend.words for mend in mends if mend]
    missing = graph.without_wire(graph.into("lstm")["in"])
    report = CHECK(missing)
    assert [mending(missing, report, problem, CHECK) for problem in report.errors] == [None]


def test_kinds_whose_rule_takes_the_shape_come_first() -> None:
    graph = make("char-lstm").graph
    shapes = CHECK(graph).shapes
    kinds = followers(graph, shapes, FACTS, Habits(), "lstm", "out")
    assert set(kinds) == set(editing.fitting_kinds(graph, "lstm", "out"))
    fits = [takes(kind, shapes["lstm", "out"], FACTS) for kind in kinds]
    assert fits == sorted(fits, key=[True, None, False].index)
    head = next(kind for kind in kinds if KINDS[kind].head == "class")
    assert kinds.index("linear") < kinds.index(head), "a class needs one vector a sequence"
    assert takes(head, Shape("tensor", ("B", "T", 8)), FACTS) is False
    assert takes("add", Shape("tensor", ("B", "T", 8)), FACTS) is None


def test_habits_decide_among_equals_and_are_kept(tmp_path: Path) -> None:
    graph = make("char-lstm").graph
    shapes, file = CHECK(graph).shapes, tmp_path / "settings" / "links.json"
    habits = Habits(file)
    plain = followers(graph, shapes, FACTS, habits, "lstm", "out")
    favourite = next(k for k in reversed(plain) if takes(k, shapes["lstm", "out"], FACTS))
    for _ in range(3):
        habits.note("lstm", favourite)
    again = Habits(file)
    assert again.count("lstm", favourite) == 3
    assert followers(graph, shapes, FACTS, again, "lstm", "out")[0] == favourite
    habits.note("one_hot", "lstm")
    assert feeders(graph, habits, "lstm", "in")[0] == "one_hot"


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a -> b": "x"}', '{"a -> b": -3}', "\xff"])
def test_damaged_habits_start_over(tmp_path: Path, text: str) -> None:
    file = tmp_path / "links.json"
    file.write_text(text, "latin-1")
    habits = Habits(file)
    assert habits.count("a", "b") == 0
    habits.note("a", "b")
    assert Habits(file).count("a", "b") == 1


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    habits = Habits(blocked / "links.json")
    habits.note("a", "b")
    habits.note("a", "b")
    assert habits.count("a", "b") == 2
