"""Shape rules of every block, good and bad, and what the check of a whole graph says."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import pytest

import seqstudio
from seqstudio.blocks.catalogue import KINDS, families
from seqstudio.blocks.check import check, main_arch, tied_embedding, title_of
from seqstudio.blocks.declaration import Context, DataFacts, Shape, ShapeError
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError, ProjectError
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Block, Graph, Wire
from tests.templates import one_of_each, task_of

TEXT = DataFacts("a text", "next token", "ids", vocabulary=11, window=16, batch=4)
LABELS = DataFacts("recall", "class", "ids", vocabulary=9, classes=8, window=20)
NUMBERS = DataFacts("adding", "value", "vectors", width=2, window=50)
TAGS = DataFacts("tags", "class per step", "ids", vocabulary=9, classes=5, window=20)
SERIES = DataFacts("waves", "forecast", "vectors", width=2, window=50, outputs=3)
CHORDS = DataFacts("chords", "notes", "vectors", width=88, window=50, outputs=88)
PAIRS = DataFacts(
    "pairs", vocabulary=11, window=16, source="ids", source_vocabulary=7, source_window=9
)
PHOTOS = DataFacts("photos", "class", "picture", classes=4, picture=(3, 12, 18))
CAPTIONS = DataFacts("captions", vocabulary=11, source="picture", picture=(3, 12, 18))
IDS = Shape("ids", ("B", "T"))
SOURCE_IDS = Shape("ids", ("B", "S"))
SEQ = Shape("tensor", ("B", "T", 12))
VEC = Shape("tensor", ("B", 12))
MEM = Shape("tensor", ("B", "S", 10))
PLACES = Shape("tensor", ("B", "36P", 12))
HEADS = Shape("tensor", ("B", 3, "T", 4))
SCORES = Shape("tensor", ("B", 3, "T", "T"))
CROSS = Shape("tensor", ("B", 3, "T", "S"))
PHOTO = Shape("picture", ("B", 3, 12, 18))
STATE_H = Shape("state", ("h", 2, 7))
STATE_C = Shape("state", ("lstm", 2, 7))


def context(kind: str, facts: DataFacts, ins: tuple[Shape, ...], /, **params: Any) -> Context:
    declared = KINDS[kind]
    ports = {port.name: shape for port, shape in zip(declared.inputs, ins, strict=False)}
    return Context(declared.parse(params), ports, facts)


def shape(kind: str, facts: DataFacts = TEXT, /, *ins: Shape, **params: Any) -> str:
    found = context(kind, facts, ins, **params)
    outs = KINDS[kind].shape(found)
    ports = KINDS[kind].ports
    declared = ports(found.params)[1] if ports is not None else KINDS[kind].outputs
    assert list(outs) == [port.name for port in declared]
    assert [each.kind for each in outs.values()] == [port.kind for port in declared]
    return ", ".join(f"{each.kind} {each}" for each in outs.values())


GOOD: list[tuple[str, DataFacts, tuple[Shape, ...], dict[str, Any], str]] = [
    ("tokens", TEXT, (), {}, "ids B·T"),
    ("vectors", NUMBERS, (), {}, "tensor B·T·2"),
    ("source_tokens", PAIRS, (), {}, "ids B·S"),
    ("picture", PHOTOS, (), {}, "picture B·3·12·18"),
    ("picture", CAPTIONS, (), {}, "picture B·3·12·18"),
    ("one_hot", TEXT, (IDS,), {}, "tensor B·T·11"),
    ("one_hot", PAIRS, (SOURCE_IDS,), {}, "tensor B·S·7"),
    ("embedding", TEXT, (IDS,), {"width": 5}, "tensor B·T·5"),
    ("embedding", PAIRS, (SOURCE_IDS,), {"width": 5}, "tensor B·S·5"),
    ("patches", PHOTOS, (PHOTO,), {"size": 6}, "tensor B·6P·108"),
    ("conv", PHOTOS, (PHOTO,), {"channels": 5}, "picture B·5·12·18"),
    ("conv", PHOTOS, (PHOTO,), {"kernel": 4, "stride": 2, "pool": 3}, "picture B·32·2·3"),
    ("places", PHOTOS, (PHOTO,), {}, "tensor B·216P·3"),
    ("rnn", TEXT, (SEQ,), {"hidden": 7}, "tensor B·T·7, state h·1·7"),
    ("rnn", TEXT, (SEQ, STATE_H), {"hidden": 7, "layers": 2}, "tensor B·T·7, state h·2·7"),
    ("gru", TEXT, (SEQ,), {"hidden": 7, "layers": 3}, "tensor B·T·7, state h·3·7"),
    ("gru", TEXT, (SEQ,), {"hidden": 7, "bidirectional": True}, "tensor B·T·14, state h·1·7"),
    ("lstm", TEXT, (MEM,), {"hidden": 7}, "tensor B·S·7, state lstm·1·7"),
    ("lstm", TEXT, (SEQ, STATE_C), {"hidden": 7, "layers": 2}, "tensor B·T·7, state lstm·2·7"),
    ("gate", TEXT, (SEQ, SEQ.with_width(7)), {"width": 5}, "tensor B·T·5"),
    ("gate", TEXT, (VEC, VEC), {"width": 5}, "tensor B·5"),
    ("start_state", TEXT, (VEC,), {"hidden": 7, "layers": 2}, "state lstm·2·7"),
    ("start_state", TEXT, (VEC,), {"kind": "h", "hidden": 7}, "state h·1·7"),
    ("self_attention", TEXT, (SEQ,), {"heads": 6}, "tensor B·T·12"),
    ("self_attention", TEXT, (SEQ,), {"heads": 12, "positions": "none"}, "tensor B·T·12"),
    ("cross_attention", TEXT, (SEQ, MEM), {"heads": 3}, "tensor B·T·12"),
    ("cross_attention", TEXT, (VEC, PLACES), {"heads": 3}, "tensor B·12"),
    ("additive_attention", TEXT, (SEQ, MEM), {}, "tensor B·T·10"),
    ("additive_attention", TEXT, (VEC, MEM), {}, "tensor B·10"),
    ("hard_attention", TEXT, (VEC, PLACES), {}, "tensor B·12"),
    ("transformer", TEXT, (SEQ,), {"heads": 3, "layers": 2}, "tensor B·T·12"),
    ("encoder_stack", TEXT, (PLACES,), {"heads": 3}, "tensor B·36P·12"),
    ("decoder_stack", TEXT, (SEQ, MEM), {"heads": 3}, "tensor B·T·12"),
    ("positions", TEXT, (SEQ,), {}, "tensor B·T·12"),
    ("split_heads", TEXT, (SEQ,), {"heads": 3}, "tensor B·3·T·4"),
    ("merge_heads", TEXT, (HEADS,), {}, "tensor B·T·12"),
    ("rotary", TEXT, (HEADS,), {}, "tensor B·3·T·4"),
    ("matrix_product", TEXT, (HEADS, HEADS), {"transposed": True}, "tensor B·3·T·T"),
    ("matrix_product", TEXT, (SCORES, HEADS), {}, "tensor B·3·T·4"),
    ("causal_mask", TEXT, (SCORES,), {"window": 3}, "tensor B·3·T·T"),
    ("causal_mask", TEXT, (CROSS, MEM), {"causal": False}, "tensor B·3·T·S"),
    ("softmax", TEXT, (SCORES,), {}, "tensor B·3·T·T"),
    ("scale", TEXT, (SCORES,), {"factor": 0.5}, "tensor B·3·T·T"),
    ("scale", TEXT, (HEADS,), {"by": "root"}, "tensor B·3·T·4"),
    ("linear", TEXT, (SEQ,), {"width": 3}, "tensor B·T·3"),
    ("linear", TEXT, (VEC,), {"width": 3}, "tensor B·3"),
    ("perceptron", TEXT, (SEQ,), {}, "tensor B·T·1"),
    ("mlp", TEXT, (VEC,), {"width": 3}, "tensor B·3"),
    ("activation", TEXT, (VEC,), {}, "tensor B·12"),
    ("layer_norm", TEXT, (SEQ,), {}, "tensor B·T·12"),
    ("rms_norm", TEXT, (SEQ,), {}, "tensor B·T·12"),
    ("dropout", TEXT, (VEC,), {}, "tensor B·12"),
    ("add", TEXT, (SEQ, SEQ), {}, "tensor B·T·12"),
    ("multiply", TEXT, (SEQ, SEQ), {}, "tensor B·T·12"),
    ("multiply", TEXT, (SEQ, SEQ.with_width(1)), {}, "tensor B·T·12"),
    ("concatenate", TEXT, (SEQ, SEQ.with_width(3)), {}, "tensor B·T·15"),
    ("split", TEXT, (SEQ,), {}, "tensor B·T·6, tensor B·T·6"),
    ("split", TEXT, (VEC,), {"parts": 4}, ", ".join(["tensor B·3"] * 4)),
    ("last_step", TEXT, (SEQ,), {}, "tensor B·12"),
    ("first_step", TEXT, (MEM,), {}, "tensor B·10"),
    ("mean_time", TEXT, (SEQ,), {}, "tensor B·12"),
    ("max_time", TEXT, (PLACES,), {}, "tensor B·12"),
    ("flatten_time", TEXT, (SEQ,), {}, "tensor B·192"),
    ("flatten_time", PAIRS, (MEM,), {}, "tensor B·90"),
    ("flatten_time", PHOTOS, (PLACES,), {}, "tensor B·432"),
    ("reverse", TEXT, (MEM,), {}, "tensor B·S·10"),
    ("repeat", LABELS, (VEC,), {}, "tensor B·T·12"),
    ("repeat", TEXT, (VEC, SEQ), {}, "tensor B·T·12"),
    ("repeat", TEXT, (VEC, MEM), {}, "tensor B·S·12"),
    ("shift", TEXT, (SEQ,), {}, "tensor B·T·12"),
    ("class_token", TEXT, (SEQ,), {}, "tensor B·1+T·12"),
    ("class_token", PHOTOS, (PLACES,), {}, "tensor B·1+36P·12"),
    ("state", TEXT, (VEC,), {"width": 12}, "tensor B·12"),
    ("next_token", TEXT, (SEQ,), {}, ""),
    ("class_head", LABELS, (VEC,), {}, ""),
    ("value_head", NUMBERS, (VEC,), {}, ""),
    ("class_per_step", TAGS, (SEQ,), {}, ""),
    ("forecast_head", SERIES, (SEQ,), {}, ""),
    ("notes_head", CHORDS, (SEQ,), {}, ""),
]
BAD: list[tuple[str, DataFacts, tuple[Shape, ...], dict[str, Any], str, str]] = [
    ("tokens", NUMBERS, (), {}, "vectors, not tokens", ""),
    ("tokens", PHOTOS, (), {}, "pictures, not tokens", ""),
    ("vectors", TEXT, (), {}, "tokens, not vectors", ""),
    ("source_tokens", TEXT, (), {}, "no second sequence", ""),
    ("source_tokens", CAPTIONS, (), {}, "no second sequence", ""),
    ("picture", TEXT, (), {}, "no pictures", ""),
    ("patches", PHOTOS, (PHOTO,), {"size": 5}, "do not fill", ""),
    ("conv", PHOTOS, (PHOTO,), {"pool": 16}, "Nothing is left", ""),
    ("rnn", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("rnn", TEXT, (SEQ, STATE_C), {"hidden": 7, "layers": 2}, "keeps h of 2 layers", ""),
    ("gru", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("gru", TEXT, (SEQ, STATE_H), {"hidden": 8, "layers": 2}, "with 8 units", ""),
    ("lstm", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("lstm", TEXT, (HEADS,), {}, "needs a sequence of vectors", "merge_heads"),
    ("lstm", TEXT, (SEQ, STATE_C), {"hidden": 7}, "keeps h and c of 1 layer", ""),
    ("gate", TEXT, (SEQ, VEC), {}, "the same steps", ""),
    ("gate", TEXT, (SCORES, SEQ), {}, "gets scores", ""),
    ("start_state", TEXT, (SEQ,), {}, "one vector a sequence", "last_step"),
    ("self_attention", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("self_attention", TEXT, (SEQ,), {"heads": 5}, "do not divide among 5 heads", ""),
    ("self_attention", TEXT, (SEQ,), {"heads": 12}, "even width a head", ""),
    ("cross_attention", TEXT, (SEQ, VEC), {}, "needs a sequence", ""),
    ("cross_attention", TEXT, (SEQ, MEM), {"heads": 5}, "do not divide", ""),
    ("cross_attention", TEXT, (SCORES, MEM), {}, "gets scores", ""),
    ("additive_attention", TEXT, (VEC, VEC), {}, "needs a sequence", ""),
    ("hard_attention", TEXT, (HEADS, MEM), {}, "needs a sequence of vectors", "merge_heads"),
    ("transformer", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("transformer", TEXT, (SEQ,), {"heads": 7}, "do not divide", ""),
    ("transformer", TEXT, (SEQ,), {"heads": 4}, "even width a head", ""),
    ("encoder_stack", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("decoder_stack", TEXT, (SEQ, VEC), {}, "needs a sequence", ""),
    ("decoder_stack", TEXT, (VEC, MEM), {}, "needs a sequence", ""),
    ("decoder_stack", TEXT, (SEQ, MEM), {"heads": 7}, "do not divide", ""),
    ("positions", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("positions", TEXT, (SEQ,), {"kind": "learned", "length": 9}, "knows 9 places, up to 16", ""),
    ("split_heads", TEXT, (SEQ,), {"heads": 5}, "do not divide", ""),
    ("merge_heads", TEXT, (SEQ,), {}, "needs heads", "split_heads"),
    ("merge_heads", TEXT, (VEC,), {}, "needs heads", ""),
    ("rotary", TEXT, (SCORES,), {}, "needs heads", ""),
    ("rotary", TEXT, (Shape("tensor", ("B", 4, "T", 3)),), {}, "even width", ""),
    ("matrix_product", TEXT, (HEADS, HEADS), {}, "sums over 4 and T", ""),
    ("matrix_product", TEXT, (HEADS, SEQ), {}, "two stacks of matrices", ""),
    ("matrix_product", TEXT, (VEC, VEC), {}, "two stacks of matrices", ""),
    ("causal_mask", TEXT, (SEQ,), {}, "scores of steps for steps", ""),
    ("causal_mask", TEXT, (CROSS,), {}, "cannot be causal between T and S", ""),
    ("causal_mask", TEXT, (SCORES, MEM), {}, "sequence of the keys", ""),
    ("scale", TEXT, (SCORES,), {"by": "root"}, "cannot tell the width", ""),
    ("linear", TEXT, (SCORES,), {}, "gets scores", ""),
    ("perceptron", TEXT, (SCORES,), {}, "gets scores", ""),
    ("mlp", TEXT, (SCORES,), {}, "gets scores", ""),
    ("layer_norm", TEXT, (SCORES,), {}, "gets scores", ""),
    ("rms_norm", TEXT, (SCORES,), {}, "gets scores", ""),
    ("add", TEXT, (SEQ, SEQ.with_width(3)), {}, "two of the same shape", "linear"),
    ("add", TEXT, (SEQ, VEC), {}, "two of the same shape", "repeat"),
    ("add", TEXT, (SEQ, MEM), {}, "two of the same shape", ""),
    ("add", TEXT, (PLACES, Shape("tensor", ("B", "9P", 12))), {}, "two of the same shape", ""),
    ("multiply", TEXT, (SEQ, VEC), {}, "two of the same shape", "repeat"),
    ("concatenate", TEXT, (SEQ, VEC), {}, "two with the same steps", "repeat"),
    ("concatenate", TEXT, (SEQ, MEM), {}, "two with the same steps", ""),
    ("concatenate", TEXT, (SCORES, SCORES), {}, "gets scores", ""),
    ("split", TEXT, (SEQ,), {"parts": 5}, "do not divide into 5 parts", ""),
    ("last_step", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("first_step", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("mean_time", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("max_time", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("flatten_time", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("reverse", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("repeat", TEXT, (SEQ,), {}, "one vector a sequence", "last_step"),
    ("repeat", TEXT, (VEC, VEC), {}, "a sequence to be as long as", ""),
    ("repeat", TEXT, (VEC,), {}, "how many steps", ""),
    ("repeat", dataclasses.replace(LABELS, padded=True), (VEC,), {}, "how many steps", ""),
    ("shift", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("class_token", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("next_token", LABELS, (SEQ,), {}, "does not fit the data", ""),
    ("next_token", TEXT, (VEC,), {}, "needs a sequence", ""),
    ("next_token", PAIRS, (MEM,), {}, "predicts at every step of T", ""),
    ("class_head", TEXT, (VEC,), {}, "does not fit the data", ""),
    ("class_head", LABELS, (SEQ,), {}, "one vector a sequence", "last_step"),
    ("value_head", LABELS, (VEC,), {}, "does not fit the data", ""),
    ("value_head", NUMBERS, (SEQ,), {}, "one vector a sequence", "last_step"),
    ("class_per_step", LABELS, (SEQ,), {}, "does not fit the data", ""),
    ("class_per_step", TAGS, (Shape("tensor", ("B", "1+T", 4)),), {}, "every step of T", ""),
    ("forecast_head", NUMBERS, (SEQ,), {}, "does not fit the data", ""),
    ("forecast_head", SERIES, (VEC,), {}, "needs a sequence", ""),
    ("notes_head", TEXT, (SEQ,), {}, "does not fit the data", ""),
    ("notes_head", CHORDS, (VEC,), {}, "needs a sequence", ""),
]
NEVER_REFUSE = {"one_hot", "embedding", "places", "activation", "dropout", "softmax", "state"}
# Their shapes come from what is inside them, from where they are, or are not known at all.
STRUCTURAL = {"group", "cell", "inlet", "outlet", "opaque"}


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
    assert KINDS[kind].sight(found) in {"step", "past", "all"}


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
    assert {case[0] for case in GOOD} == set(KINDS) - STRUCTURAL
    assert {case[0] for case in BAD} == set(KINDS) - STRUCTURAL - NEVER_REFUSE


def test_an_error_names_the_port_concerned() -> None:
    ports = {}
    for kind, facts, ins, params, word, _ in BAD:
        with pytest.raises(ShapeError) as caught:
            shape(kind, facts, *ins, **params)
        ports[kind, word] = caught.value.port
    assert ports["lstm", "keeps h and c of 1 layer"] == "start"
    assert ports["additive_attention", "needs a sequence"] == "memory"
    assert ports["gate", "the same steps"] == "state"
    assert ports["repeat", "a sequence to be as long as"] == "like"
    assert ports["causal_mask", "sequence of the keys"] == "memory"
    assert ports["concatenate", "two with the same steps"] == "other"


def test_hints_lead_to_settings_that_work() -> None:
    with pytest.raises(ShapeError) as caught:
        shape("self_attention", TEXT, SEQ, heads=5, positions="none")
    assert "Use 4 heads" in caught.value.hint
    assert shape("self_attention", TEXT, SEQ, heads=4, positions="none") == "tensor B·T·12"
    with pytest.raises(ShapeError) as caught:
        shape("patches", PHOTOS, PHOTO, size=5)
    assert "Use a size of 6" in caught.value.hint
    with pytest.raises(ShapeError) as caught:
        shape("split", TEXT, SEQ, parts=5)
    assert "Use a width of 10" in caught.value.hint
    assert shape("split", TEXT, SEQ.with_width(10), parts=5).count("B·T·2") == 5


@pytest.mark.parametrize(
    ("kind", "ins", "params", "sight"),
    [
        ("lstm", (SEQ,), {}, "past"),
        ("lstm", (SEQ,), {"bidirectional": True}, "all"),
        ("self_attention", (SEQ,), {}, "past"),
        ("self_attention", (SEQ,), {"causal": False}, "all"),
        ("encoder_stack", (SEQ,), {}, "all"),
        ("cross_attention", (SEQ, MEM), {}, "step"),
        ("cross_attention", (SEQ, SEQ), {}, "all"),
        ("decoder_stack", (SEQ, MEM), {}, "past"),
        ("decoder_stack", (SEQ, SEQ), {}, "all"),
        ("linear", (SEQ,), {}, "step"),
        ("reverse", (SEQ,), {}, "all"),
        ("shift", (SEQ,), {}, "past"),
        ("mean_time", (SEQ,), {}, "all"),
    ],
)
def test_a_block_says_how_far_it_sees(
    kind: str, ins: tuple[Shape, ...], params: dict[str, Any], sight: str
) -> None:
    assert KINDS[kind].sight(context(kind, TEXT, ins, **params)) == sight


def test_a_dimension_has_a_size() -> None:
    sizes = [PAIRS.size(dim) for dim in ("B", "T", "1+T", "S", "36P", "1+36P", 5, "lstm")]
    assert sizes == [1, 16, 17, 9, 36, 37, 5, 1]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_declaration_is_complete(kind: Any) -> None:
    assert kind.title
    assert kind.help.endswith(".")
    assert kind.source
    assert kind.equations or kind.family == "Structure"
    assert kind.parse({}) == kind.defaults()
    assert all(param.help.endswith(".") for param in kind.params)
    names = [port.name for port in (*kind.inputs, *kind.outputs)]
    assert len(names) == len(set(names))
    assert bool(kind.head) == (not kind.outputs and kind.kind not in STRUCTURAL)
    assert set(kind.masks) <= {port.name for port in kind.inputs}
    assert bool(kind.stream) == (not kind.inputs and kind.kind not in STRUCTURAL)
    assert kind.icon in tokens_of_the_theme()
    with pytest.raises(KeyError):
        kind.param("nothing")


@functools.cache
def tokens_of_the_theme() -> frozenset[str]:
    theme = Path(seqstudio.__file__).parent / "resources" / "theme" / "tokens.json"
    return frozenset(json.loads(theme.read_text("utf-8"))["icons"]["path"])


def test_families_hold_every_kind_once() -> None:
    listed = [kind.kind for group in families().values() for kind in group]
    assert len(listed) == len(set(listed))
    assert set(KINDS) - set(listed) <= {"opaque"}, "nobody draws what an import could not read"
    assert list(families()) == [
        "Input", "Recurrent", "Attention", "Layers", "Glue", "Structure", "Output",
    ]  # fmt: skip


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


@pytest.mark.parametrize("template", one_of_each(task_of))
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
    assert "State" in problem.hint


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
