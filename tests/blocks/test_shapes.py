"""Shape rules of every block, good and bad, and what the check of a whole graph says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from seqstudio.blocks.catalogue import KINDS, families
from seqstudio.blocks.check import check, main_arch, tied_embedding, title_of
from seqstudio.blocks.declaration import Context, DataFacts, Shape, ShapeError
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.core.errors import GraphError, ProjectError
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Block, Graph, Wire

TEXT = DataFacts("a text", "next token", "ids", vocabulary=11, window=16, batch=4)
LABELS = DataFacts("recall", "class", "ids", vocabulary=9, classes=8, window=20)
NUMBERS = DataFacts("adding", "value", "vectors", width=2, window=50)
IDS = Shape("ids", ("B", "T"))
SEQ = Shape("tensor", ("B", "T", 12))
VEC = Shape("tensor", ("B", 12))


def context(kind: str, facts: DataFacts, ins: tuple[Shape, ...], **params: Any) -> Context:
    declared = KINDS[kind]
    ports = {port.name: shape for port, shape in zip(declared.inputs, ins, strict=True)}
    return Context(declared.parse(params), ports, facts)


def shape(kind: str, facts: DataFacts = TEXT, *ins: Shape, **params: Any) -> str:
    outs = KINDS[kind].shape(context(kind, facts, ins, **params))
    assert set(outs) == {port.name for port in KINDS[kind].outputs}
    return ", ".join(f"{each.kind} {each}" for each in outs.values())


GOOD = [
    ("tokens", TEXT, (), {}, "ids B·T"),
    ("vectors", NUMBERS, (), {}, "tensor B·T·2"),
    ("one_hot", TEXT, (IDS,), {}, "tensor B·T·11"),
    ("embedding", TEXT, (IDS,), {"width": 5}, "tensor B·T·5"),
    ("rnn", TEXT, (SEQ,), {"hidden": 7}, "tensor B·T·7"),
    ("gru", TEXT, (SEQ,), {"hidden": 7, "layers": 3}, "tensor B·T·7"),
    ("lstm", TEXT, (SEQ,), {"hidden": 7}, "tensor B·T·7"),
    ("self_attention", TEXT, (SEQ,), {"heads": 6}, "tensor B·T·12"),
    ("self_attention", TEXT, (SEQ,), {"heads": 12, "positions": "none"}, "tensor B·T·12"),
    ("transformer", TEXT, (SEQ,), {"heads": 3, "layers": 2}, "tensor B·T·12"),
    ("positions", TEXT, (SEQ,), {}, "tensor B·T·12"),
    ("linear", TEXT, (SEQ,), {"width": 3}, "tensor B·T·3"),
    ("linear", TEXT, (VEC,), {"width": 3}, "tensor B·3"),
    ("activation", TEXT, (VEC,), {}, "tensor B·12"),
    ("layer_norm", TEXT, (SEQ,), {}, "tensor B·T·12"),
    ("dropout", TEXT, (VEC,), {}, "tensor B·12"),
    ("add", TEXT, (SEQ, SEQ), {}, "tensor B·T·12"),
    ("last_step", TEXT, (SEQ,), {}, "tensor B·12"),
    ("mean_time", TEXT, (SEQ,), {}, "tensor B·12"),
    ("next_token", TEXT, (SEQ,), {}, ""),
    ("class_head", LABELS, (VEC,), {}, ""),
    ("value_head", NUMBERS, (VEC,), {}, ""),
]
BAD = [
    ("tokens", NUMBERS, (), {}, "vectors, not tokens", ""),
    ("vectors", TEXT, (), {}, "tokens, not vectors", ""),
    ("rnn", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("gru", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("lstm", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("self_attention", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("self_attention", TEXT, (SEQ,), {"heads": 5}, "do not divide among 5 heads", ""),
    ("self_attention", TEXT, (SEQ,), {"heads": 12}, "even width a head", ""),
    ("transformer", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("transformer", TEXT, (SEQ,), {"heads": 7}, "do not divide", ""),
    ("transformer", TEXT, (SEQ,), {"heads": 4}, "even width a head", ""),
    ("positions", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("add", TEXT, (SEQ, SEQ.with_width(3)), {}, "two of the same shape", "linear"),
    ("add", TEXT, (SEQ, VEC), {}, "two of the same shape", ""),
    ("last_step", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("mean_time", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("next_token", LABELS, (SEQ,), {}, "does not fit the data", ""),
    ("next_token", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("class_head", TEXT, (VEC,), {}, "does not fit the data", ""),
    ("class_head", LABELS, (SEQ,), {}, "one vector a sequence", "last_step"),
    ("value_head", LABELS, (VEC,), {}, "does not fit the data", ""),
    ("value_head", NUMBERS, (SEQ,), {}, "one vector a sequence", "last_step"),
]
NEVER_REFUSE = {"one_hot", "embedding", "linear", "activation", "layer_norm", "dropout"}


@pytest.mark.parametrize(("kind", "facts", "ins", "params", "out"), GOOD)
def test_a_block_gives_the_shape_it_should(
    kind: str, facts: DataFacts, ins: tuple[Shape, ...], params: dict[str, Any], out: str
) -> None:
    assert shape(kind, facts, *ins, **params) == out
    found = context(kind, facts, ins, **params)
    assert KINDS[kind].count(found) >= 0
    lines = KINDS[kind].summary(found)
    assert len(lines) <= 2
    assert all(lines)
    assert KINDS[kind].module(found).cls


@pytest.mark.parametrize(("kind", "facts", "ins", "params", "word", "remedy"), BAD)
def test_a_block_refuses_what_it_cannot_take_in_words(
    kind: str,
    facts: DataFacts,
    ins: tuple[Shape, ...],
    params: dict[str, Any],
    word: str,
    remedy: str,
) -> None:
    with pytest.raises(ShapeError) as caught:
        shape(kind, facts, *ins, **params)
    error = caught.value
    assert word in error.what
    assert error.why
    assert error.hint
    assert error.remedy == remedy
    assert KINDS[kind].inputs == () or KINDS[kind].port(error.port) is not None


def test_every_kind_has_both_cases() -> None:
    assert {case[0] for case in GOOD} == set(KINDS)
    assert {case[0] for case in BAD} == set(KINDS) - NEVER_REFUSE


def test_the_hint_about_heads_leads_to_a_number_that_works() -> None:
    with pytest.raises(ShapeError) as caught:
        shape("self_attention", TEXT, SEQ, heads=5, positions="none")
    assert "Use 4 heads" in caught.value.hint
    assert shape("self_attention", TEXT, SEQ, heads=4, positions="none") == "tensor B·T·12"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_declaration_is_complete(kind: Any) -> None:
    assert kind.title
    assert kind.help.endswith(".")
    assert kind.source
    assert kind.equations
    assert kind.parse({}) == kind.defaults()
    names = [port.name for port in (*kind.inputs, *kind.outputs)]
    assert len(names) == len(set(names))
    assert bool(kind.head) == (not kind.outputs)
    with pytest.raises(KeyError):
        kind.param("nothing")


def test_families_hold_every_kind_once() -> None:
    listed = [kind.kind for group in families().values() for kind in group]
    assert sorted(listed) == sorted(KINDS)


# Whole graphs


def chain(*kinds: str | tuple[str, dict[str, Any]]) -> Graph:
    graph, last = Graph(), ""
    for each in kinds:
        kind, params = (each, {}) if isinstance(each, str) else each
        defaults = KINDS[kind].defaults() if kind in KINDS else {}
        block = Block(graph.new_id(kind), kind, 0, 0, {**defaults, **params})
        graph = graph.with_block(block)
        if last:
            graph = graph.with_wire(Wire(last, "out", block.id, "in"))
        last = block.id
    return graph


def problems(graph: Graph, facts: DataFacts = TEXT) -> list[tuple[str, str, str, str]]:
    report = check(graph, facts)
    for problem in report.problems:
        assert problem.sentence().endswith(".")
    assert report.playable == (not report.errors)
    if not report.playable:
        with pytest.raises(GraphError) as caught:
            report.raise_errors()
        assert report.errors[0].what in caught.value.what
    return [(p.block, p.port, p.what, p.remedy) for p in report.problems]


def only(graph: Graph, facts: DataFacts = TEXT) -> tuple[str, str, str, str]:
    (problem,) = problems(graph, facts)
    return problem


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_can_train_on_its_own_data(template: str) -> None:
    project = make(template)
    facts = facts_of(open_dataset(project.data), project.training)
    report = check(project.graph, facts)
    assert report.problems == ()
    assert report.head
    assert set(report.order) == set(project.graph.blocks)
    assert report.total > 0


def test_a_template_takes_a_file_where_it_reads_text(tmp_path: Any) -> None:
    assert make("char-lstm", str(tmp_path / "a.txt")).data.path == str(tmp_path / "a.txt")
    with pytest.raises(ProjectError, match="takes no file"):
        make("adding-rnn", "a.txt")
    with pytest.raises(ProjectError, match="Choose one of: char-lstm"):
        make("char-mamba")


def test_an_empty_graph_has_no_head() -> None:
    block, _, what, _ = only(Graph())
    assert (block, what) == ("", "The graph has no head")


@pytest.mark.parametrize(
    ("facts", "title"),
    [(TEXT, "Next-token head"), (LABELS, "Class head"), (NUMBERS, "Value head")],
)
def test_a_graph_without_a_head_says_which_one_the_data_need(facts: DataFacts, title: str) -> None:
    report = check(chain("tokens", "embedding", "lstm"), facts)
    assert any(title in problem.hint for problem in report.errors)


def test_a_second_head_is_pointed_at() -> None:
    graph = chain("tokens", "embedding", "lstm", "next_token")
    graph = graph.with_block(Block("more", "next_token", 0, 0, {"tie": False}))
    graph = graph.with_wire(Wire("lstm", "out", "more", "in"))
    assert [(block, what) for block, _, what, _ in problems(graph)] == [
        ("more", "There is a second head")
    ]


def test_a_loop_is_named_and_says_where_memory_belongs() -> None:
    graph = chain("tokens", "embedding", "add", "linear", "next_token")
    graph = graph.with_block(dataclasses.replace(graph.blocks["linear"], title="My layer"))
    graph = graph.with_wire(Wire("linear", "out", "add", "other"))
    report = check(graph, TEXT)
    (problem,) = [each for each in report.errors if "loop" in each.what]
    assert problem.block in {"add", "linear"}
    assert "Add" in problem.why
    assert "My layer" in problem.why
    assert "Next-token" not in problem.why
    assert "recurrent" in problem.hint


def test_a_missing_input_is_said_once_at_its_block() -> None:
    graph = chain("tokens", "embedding", "lstm", "dropout", "next_token")
    graph = graph.without_wire(Wire("embedding", "out", "lstm", "in"))
    blocks = [(block, port, what) for block, port, what, _ in problems(graph)]
    assert blocks[0] == ("lstm", "in", "LSTM has nothing at its input")
    errors = check(graph, TEXT).errors
    assert [each.block for each in errors] == ["lstm"], "what follows has the same cause"


def test_tokens_into_a_layer_are_mended_by_an_embedding() -> None:
    graph = chain("tokens", ("linear", {"width": 4}), "next_token")
    assert only(graph) == ("linear", "in", "Tokens cannot feed Linear", "embedding")


def test_features_into_an_embedding_cannot_be_mended_by_a_block() -> None:
    graph = chain("tokens", "embedding", "embedding", "next_token")
    block, port, what, remedy = only(graph)
    assert (block, port, remedy) == ("embedding2", "in", "")
    assert what == "Embedding needs tokens, it gets features B·T·64"


def test_time_into_a_class_head_is_mended_by_a_last_step() -> None:
    graph = chain("tokens", "embedding", "lstm", "class_head")
    assert only(graph, LABELS)[3] == "last_step"


def test_a_setting_out_of_range_is_said_at_its_block() -> None:
    graph = chain("tokens", "embedding", ("lstm", {"hidden": 10**9}), "next_token")
    block, _, what, _ = only(graph)
    assert block == "lstm"
    assert what == "LSTM: Hidden units cannot be 1000000000"
    graph = chain("tokens", "embedding", ("lstm", {"layers": "many"}), "next_token")
    assert "Layers" in only(graph)[2]


def test_an_unknown_kind_is_said_and_stays() -> None:
    graph = chain("tokens", "embedding", "mamba", "next_token")
    assert only(graph)[::2] == ("mamba", "The block 'mamba' is not known here")


def test_a_wire_to_a_port_that_is_not_there_is_said() -> None:
    graph = chain("tokens", "embedding", "lstm", "next_token")
    graph = graph.with_wire(Wire("embedding", "out", "lstm", "memory"))
    assert only(graph)[:3] == ("lstm", "memory", "LSTM has no port 'memory'")


def test_a_block_beside_the_path_is_a_note_and_trains_nothing() -> None:
    graph = chain("tokens", "embedding", "lstm", "next_token")
    graph = graph.with_block(Block("idle", "linear", 0, 0, {"width": 4}))
    graph = graph.with_wire(Wire("embedding", "out", "idle", "in"))
    report = check(graph, TEXT)
    (note,) = report.problems
    assert (note.block, note.error) == ("idle", False)
    assert report.playable
    assert "idle" not in report.order
    assert report.total == sum(count for key, count in report.counts.items() if key != "idle")


def tied(width: int, hidden: int) -> Graph:
    embedding, lstm = ("embedding", {"width": width}), ("lstm", {"hidden": hidden})
    return chain("tokens", embedding, lstm, ("next_token", {"tie": True}))


def test_a_tie_needs_the_same_width_and_an_embedding() -> None:
    assert problems(tied(8, 8)) == []
    block, port, what, _ = only(tied(8, 9))
    assert (block, port) == ("next_token", "in")
    assert what == "The tied embedding is 8 wide, 9 arrive"
    graph = chain("tokens", "one_hot", "lstm", ("next_token", {"tie": True}))
    assert only(graph)[2] == "There is no embedding to tie to"


def test_a_tie_saves_the_numbers_of_the_head() -> None:
    loose = chain("tokens", ("embedding", {"width": 8}), ("lstm", {"hidden": 8}), "next_token")
    assert check(loose, TEXT).total - check(tied(8, 8), TEXT).total == (8 + 1) * 11


def test_the_embedding_that_is_tied_feeds_the_head() -> None:
    graph = tied(8, 8).with_block(Block("aside", "embedding", 0, 0, {"width": 3}))
    assert tied_embedding(graph, "next_token") == "embedding"


@pytest.mark.parametrize(
    ("kinds", "arch"),
    [
        (("rnn", "gru", "lstm", "transformer"), "transformer"),
        (("rnn", "gru", "lstm"), "lstm"),
        (("gru", "rnn"), "gru"),
        (("rnn",), "rnn"),
        (("linear", "mamba"), "custom1"),
    ],
)
def test_the_widest_architecture_names_the_run(kinds: tuple[str, ...], arch: str) -> None:
    graph = Graph({kind: Block(kind, kind) for kind in kinds})
    assert main_arch(graph) == arch


def test_a_person_s_own_title_is_used() -> None:
    assert title_of(Block("a", "lstm", title="Memory")) == "Memory"
    assert title_of(Block("a", "lstm")) == "LSTM"
    assert title_of(Block("a", "mamba")) == "mamba"
