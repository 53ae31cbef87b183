"""The exported file gives the program's predictions, whatever the graph is made of."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.code import model_code, plain_names
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.kinds.structure import simple_cell
from seqstudio.blocks.opening import open_along, opens
from seqstudio.blocks.plan import make_plan
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.core.errors import GraphError
from seqstudio.data.sources import open_dataset
from seqstudio.document.graph import Block, Graph, Mode, Wire
from seqstudio.engine.exchange.export import Taken, write_export
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import GraphModel
from tests.engine.exported import drawn, facts, largest_difference, loaded, small
from tests.templates import made_of, one_of_each

CLOSE = 1e-6


@pytest.mark.parametrize("template", one_of_each(made_of))
def test_a_template_exports_to_the_same_predictions(template: str, tmp_path: Path) -> None:
    project, dataset = small(template)
    inputs = drawn(project, dataset)
    assert largest_difference(project.graph, facts(project, dataset), inputs, tmp_path) <= CLOSE


def opened_up(graph: Graph, known: DataFacts, levels: int = 2) -> Graph:
    """Return a graph in which every block that opens is open, so many levels deep."""
    for _ in range(levels):
        for path, block in list(graph.everything()):
            if opens(block):
                try:
                    changed = open_along(graph, (*path, block.id), known)
                except GraphError:
                    continue
                if check(changed, known).playable:
                    graph = changed
    return graph


OPENED = ["char-gru", "char-gpt", "bert-mini", "reverse-attention", "reverse-transformer",
          "tagger-bilstm", "brackets-lstm", "char-attention", "order-dense",
          "shapes-vit"]  # fmt: skip


@pytest.mark.parametrize("template", OPENED)
def test_opened_blocks_export_as_classes_of_their_own(template: str, tmp_path: Path) -> None:
    project, dataset = small(template)
    known = facts(project, dataset)
    graph = opened_up(project.graph, known)
    assert any(block.inside is not None for block in graph)
    difference = largest_difference(graph, known, drawn(project, dataset), tmp_path)
    assert difference <= CLOSE


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_makes_the_same_weights(seed: int) -> None:
    for template in ("char-lstm", "char-mgu", "reverse-transformer", "char-gpt"):
        project, dataset = small(template)
        known = facts(project, dataset)
        torch.manual_seed(seed)
        ours = GraphModel(project.graph, known)
        torch.manual_seed(seed)
        theirs = loaded(model_code(project.graph, known).text).Model()
        weights = dict(theirs.named_parameters())
        names = plain_names(ours.plan, [name for name, _ in ours.named_parameters()])
        assert set(names.values()) == set(weights)
        for name, parameter in ours.named_parameters():
            assert torch.equal(parameter, weights[names[name]]), name


# Every kind of block in a small graph of its own.

IDS = DataFacts("ids", vocabulary=7, window=6, batch=3, classes=4)
SETTINGS = {
    "width": 8, "hidden": 8, "heads": 2, "layers": 2, "expansion": 2, "channels": 4, "parts": 2,
    "dropout": 0.0, "window": 0,
}  # fmt: skip


def small_params(kind: str, **more: object) -> dict[str, object]:
    names = {param.name for param in KINDS[kind].params}
    return {**KINDS[kind].defaults(), **{k: v for k, v in SETTINGS.items() if k in names}, **more}


def chained(*kinds: str, pattern: str = "next token") -> tuple[Graph, DataFacts]:
    """Return tokens, an embedding, the kinds in a row and a head."""
    graph, last = Graph(), ""
    heads = {"next token": "next_token", "class": "class_head", "class per step": "class_per_step"}
    for kind in ("tokens", "embedding", *kinds, heads[pattern]):
        key = graph.new_id(kind)
        graph = graph.with_block(Block(key, kind, params=small_params(kind)))
        if last:
            graph = graph.with_wire(Wire(last, "out", key, "in"))
        last = key
    # a second input, where there is one, reads the embedding too
    for block in list(graph):
        for port in KINDS[block.kind].inputs:
            if port.name in {"other", "memory", "like"}:
                graph = graph.with_wire(Wire("embedding", "out", block.id, port.name))
    return graph, replace(IDS, pattern=pattern)


STEPWISE = [
    "rnn", "gru", "lstm", "self_attention", "cross_attention", "additive_attention",
    "hard_attention", "transformer", "encoder_stack", "decoder_stack", "positions", "linear",
    "perceptron", "mlp", "activation", "layer_norm", "rms_norm", "dropout", "reverse", "shift",
    "add", "multiply", "concatenate", "split", "scale", "softmax",
]  # fmt: skip
ENDING = ["last_step", "first_step", "mean_time", "max_time", "flatten_time"]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", STEPWISE)
def test_every_kind_of_step_exports_alike(kind: str, padded: bool, tmp_path: Path) -> None:
    graph, known = chained(kind, pattern="class per step")
    known = replace(known, padded=padded)
    ids = torch.randint(0, 7, (3, 6))
    lengths = torch.tensor([6, 3, 1]) if padded else None
    assert check(graph, known).playable, check(graph, known).problems
    given = Inputs(ids, lengths=lengths)
    assert largest_difference(graph, known, given, tmp_path) <= CLOSE


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", ENDING)
def test_every_kind_that_ends_a_sequence_exports_alike(
    kind: str, padded: bool, tmp_path: Path
) -> None:
    graph, known = chained(kind, pattern="class")
    known = replace(known, padded=padded)
    lengths = torch.tensor([6, 3, 1]) if padded else None
    given = Inputs(torch.randint(0, 7, (3, 6)), lengths=lengths)
    assert largest_difference(graph, known, given, tmp_path) <= CLOSE


@pytest.mark.parametrize(
    "row", [("split_heads", "rotary", "merge_heads"), ("last_step", "repeat")]
)
def test_kinds_that_need_others_around_them_export_alike(
    row: tuple[str, ...], tmp_path: Path
) -> None:
    graph, known = chained(*row, pattern="class per step")
    inputs = torch.randint(0, 7, (3, 6))
    assert largest_difference(graph, known, inputs, tmp_path) <= CLOSE


def test_no_kind_is_left_out_of_these_tests() -> None:
    seen = {*STEPWISE, *ENDING, "rotary", "repeat", "group", "opaque"}  # opaque trains nowhere
    for template in TEMPLATES:
        seen |= {block.kind for _, block in make(template).graph.everything()}
    for template in OPENED:
        project, dataset = small(template)
        graph = opened_up(project.graph, facts(project, dataset))
        seen |= {block.kind for _, block in graph.everything()}
    assert set(KINDS) - seen == set()


def test_a_cell_in_a_group_carries_its_state(tmp_path: Path) -> None:
    group = Graph({"in": Block("in", "inlet"), "cell": Block("cell", "cell", inside=simple_cell()),
                   "out": Block("out", "outlet")},
                  (Wire("in", "out", "cell", "x"), Wire("cell", "out", "out", "in")))  # fmt: skip
    graph = make("hello-rnn").graph
    (into,) = [wire for wire in graph.wires if wire.source == "one_hot"]
    graph = graph.with_block(Block("group", "group", inside=group))
    graph = graph.with_wire(Wire("one_hot", "out", "group", "in"))
    graph = graph.with_wire(Wire("group", "out", into.target, into.into))
    known = replace(IDS, vocabulary=4)
    text = model_code(graph, known).text
    assert "class Group(" in text
    assert "class Cell(" in text
    difference = largest_difference(graph, known, torch.randint(0, 4, (3, 6)), tmp_path)
    assert difference <= CLOSE


@pytest.mark.parametrize("mode", ["bypass", "mute"])
def test_modes_mean_the_same_in_the_file(mode: Mode, tmp_path: Path) -> None:
    for key in ("lstm", "dropout"):
        project, dataset = small("char-lstm")
        block = replace(project.graph.blocks[key], mode=mode)
        graph = project.graph.with_block(block)
        if not check(graph, facts(project, dataset)).playable:
            continue
        inputs = drawn(project, dataset)
        assert largest_difference(graph, facts(project, dataset), inputs, tmp_path) <= CLOSE


def test_weights_lose_the_containers_of_the_program_and_nothing_else() -> None:
    project = make("char-lstm-no-forget")
    known = facts(project, open_dataset(project.data))
    plan = make_plan(project.graph, check(project.graph, known))
    names = ["blocks.cell.blocks.i.input.weight", "blocks.cell.states.h.start",
             "blocks.next_token.linear.weight"]  # fmt: skip
    assert list(plain_names(plan, names).values()) == [
        "cell.i.input.weight", "cell.h.start", "next_token.linear.weight"
    ]  # fmt: skip


def test_the_folder_runs_with_nothing_but_torch(tmp_path: Path) -> None:
    project, dataset = small("hello-rnn")
    model = GraphModel(project.graph, facts(project, dataset)).eval()
    write_export(Taken(project, dataset, model), tmp_path)
    program = (
        "import sys, torch\n"
        "from model import Model, load_weights\n"
        "model = Model(); load_weights(model, 'weights.safetensors'); model.eval()\n"
        "torch.save(model(torch.tensor([[0, 1, 2]]))[0], 'out.pt')\n"
        "assert not any(name.startswith('seqstudio') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    ours, _ = model(torch.tensor([[0, 1, 2]]))
    theirs = torch.load(tmp_path / "out.pt", weights_only=True)
    assert torch.allclose(ours, theirs, atol=CLOSE)
