"""Random graphs: what the check calls playable builds, runs, learns and has the shapes it said."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from seqstudio.blocks import editing, grouping, ports
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, check
from seqstudio.blocks.cost import total
from seqstudio.blocks.declaration import DataFacts, Shape
from seqstudio.blocks.opening import opened
from seqstudio.blocks.templates import make
from seqstudio.core.errors import SeqError
from seqstudio.document.graph import Graph, Wire
from seqstudio.document.param import Param, Value
from seqstudio.document.project import Project
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.losses import mean_loss
from seqstudio.engine.model import GraphModel

ROWS = 3
TEXT = DataFacts(vocabulary=7, window=6, batch=ROWS)
PAIRS = replace(TEXT, source="ids", source_vocabulary=9, source_window=5, padded=True)
SERIES = DataFacts(pattern="forecast", input="vectors", width=2, outputs=2, window=6, batch=ROWS)
LABELS = replace(TEXT, pattern="class", classes=3)
PICTURES = DataFacts(pattern="class", input="picture", picture=(1, 24, 24), classes=4, window=1)
CASES = (
    ("char-gru", TEXT), ("char-attention", TEXT), ("char-mgu", TEXT), ("char-gpt", TEXT),
    ("reverse-attention", PAIRS), ("reverse-transformer", PAIRS), ("forecast-lstm", SERIES),
    ("recall-lstm", LABELS), ("order-dense", LABELS), ("shapes-vit", PICTURES),
)  # fmt: skip
SMALL = 24


def small_value(rng: random.Random, param: Param) -> Value:
    if param.kind == "bool":
        return rng.random() < 0.5
    if param.kind == "choice":
        return rng.choice([key for key, _ in param.choices])
    if param.kind == "int":
        return rng.randint(int(max(param.low, 1)), int(min(param.high, SMALL)))
    if param.kind == "float":
        return round(rng.uniform(max(param.low, -2.0), min(param.high, 2.0)), 3)
    return param.default


def shrunk(graph: Graph) -> Graph:
    """The graph with narrow blocks, so that a step takes a millisecond."""
    for block in list(graph):
        params = {
            name: min(value, SMALL) if name in {"hidden", "width"} else value
            for name, value in block.params.items()
        }
        inside = None if block.inside is None else shrunk(block.inside)
        graph = graph.with_block(replace(block, params=params, inside=inside))
    return graph


def changed(  # noqa: C901, PLR0911  one case an edit
    rng: random.Random, graph: Graph, report: Report
) -> Graph:
    """The graph after one random edit; the same one when it was refused."""
    try:
        match rng.randrange(7):
            case 0:
                kind, wire = rng.choice(sorted(KINDS)), rng.choice(graph.wires)
                return editing.insert_on_wire(graph, kind, wire).apply(Project(graph)).graph
            case 1:
                block = rng.choice(list(graph))
                params = list(ports.settings(block).items())
                if params:
                    name, param = rng.choice(params)
                    edit = editing.set_param(graph, block.id, name, small_value(rng, param))
                    return edit.apply(Project(graph)).graph
            case 2:
                source, target = rng.choice(list(graph)), rng.choice(list(graph))
                outs, ins = ports.outputs(source), ports.inputs(target)
                if outs and ins:
                    wire = Wire(source.id, rng.choice(outs).name, target.id, rng.choice(ins).name)
                    return graph if editing.refusal(graph, wire) else graph.with_wire(wire)
            case 3:
                block = rng.choice(list(graph))
                return graph.with_block(replace(block, mode=rng.choice(("", "bypass", "mute"))))
            case 4:
                block = rng.choice(list(graph))
                context = report.contexts.get(block.id)
                fresh = opened(block, context) if context else None
                return graph if fresh is None else graph.with_block(fresh)
            case 5:
                chosen = rng.sample(list(graph.blocks), min(3, len(graph.blocks)))
                return grouping.group(graph, chosen)[0].apply(Project(graph)).graph
            case _:
                inner = [block for block in graph if block.inside is not None]
                if inner:
                    block = rng.choice(inner)
                    if block.id not in report.inside:
                        return graph
                    inside = changed(rng, block.inside, report.inside[block.id])
                    return graph.with_block(replace(block, inside=inside))
    except SeqError:
        pass
    return graph


def batch(facts: DataFacts) -> tuple[Inputs, torch.Tensor]:
    steps = facts.window
    if facts.input == "picture":
        main = torch.randn(ROWS, *facts.picture)
    elif facts.input == "vectors":
        main = torch.randn(ROWS, steps, facts.width)
    else:
        main = torch.randint(0, facts.vocabulary, (ROWS, steps))
    targets = {
        "next token": lambda: torch.randint(0, facts.vocabulary, (ROWS, steps)),
        "class": lambda: torch.randint(0, facts.classes, (ROWS,)),
        "forecast": lambda: torch.randn(ROWS, steps, facts.outputs),
    }[facts.pattern]()
    if not facts.padded:
        return Inputs(main), targets
    lengths = torch.tensor([steps, steps - 2, 1])
    targets[torch.arange(steps) >= lengths[:, None]] = -100
    source = torch.randint(0, facts.source_vocabulary, (ROWS, facts.source_window))
    return Inputs(main, source, lengths, torch.tensor([2, facts.source_window, 3])), targets


def runs(graph: Graph, facts: DataFacts, report: Report) -> None:
    """Build, run forward and back; hold shapes and counts against what was promised."""
    torch.manual_seed(0)
    model = GraphModel(graph, facts)
    assert model.parameter_count() == report.total
    inputs, targets = batch(facts)
    outputs, _, values = model.trace(inputs)
    for (block, port), value in values.items():
        if isinstance(value, torch.Tensor):
            assert tuple(value.shape) == sizes(report.shapes[block, port], facts), (block, port)
    loss = mean_loss(model.losses(outputs, targets), targets)
    if loss.requires_grad:
        loss.backward()
    assert total(graph, report).parameters == report.total


def sizes(shape: Shape, facts: DataFacts) -> tuple[int, ...]:
    return tuple(ROWS if dim == "B" else facts.size(dim) for dim in shape.dims)


def walk(name: str, facts: DataFacts, seed: int, edits: int) -> int:
    """Edit a template at random and run every playable graph on the way; return how many."""
    rng, graph, played = random.Random(f"{name} {seed}"), shrunk(make(name).graph), 0
    for _ in range(edits):
        after = changed(rng, graph, check(graph, facts))
        report = check(after, facts)
        if after is graph or not report.playable:
            graph = after if rng.random() < 0.15 else graph  # most dead ends are left again
            continue
        graph = after
        try:
            runs(graph, facts, report)
        except Exception as error:
            kinds = {block.id: (block.kind, block.mode, dict(block.params)) for block in graph}
            raise AssertionError(f"{name} {seed}: {kinds} {graph.wires}") from error
        played += 1
    return played


@pytest.mark.parametrize(("name", "facts"), CASES, ids=[name for name, _ in CASES])
def test_what_is_playable_runs(name: str, facts: DataFacts) -> None:
    torch.set_num_threads(1)
    assert sum(walk(name, facts, seed, 25) for seed in range(3)) > 5


@pytest.mark.long
@pytest.mark.parametrize(("name", "facts"), CASES, ids=[name for name, _ in CASES])
def test_what_is_playable_runs_for_a_thousand_edits(name: str, facts: DataFacts) -> None:
    assert sum(walk(name, facts, seed, 50) for seed in range(20)) > 100
