"""Costs against what torch counts, keeps and remembers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from seqstudio.blocks.check import Report, check
from seqstudio.blocks.cost import Cost, bytes_in_words, costs, in_words, total
from seqstudio.blocks.opening import opened
from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import Project
from seqstudio.engine.batches import Batches, Window
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.model import GraphModel
from seqstudio.engine.optimizing import make_optimizer

ROWS = 2
TEMPLATES = (
    "adding-lstm", "adding-rnn", "caption-attention", "char-mgu", "frames-lstm", "order-gru",
    "reverse-attention", "reverse-transformer", "shapes-vit", "tagger-bilstm",
)  # fmt: skip


class Bench:
    """A template with its model and one batch of two rows."""

    def __init__(self, name: str) -> None:
        self.project: Project = make(name)
        data = open_dataset(self.project.data, None)
        training = dataclasses.replace(self.project.training, batch=ROWS)
        self.project = dataclasses.replace(self.project, training=training)
        facts = facts_of(data, training)
        self.report: Report = check(self.project.graph, facts)
        self.model = GraphModel(self.project.graph, facts).train()
        self.batch: Window = Batches(data, training, False, torch.device("cpu")).next()

    @property
    def total(self) -> Cost:
        return total(self.project.graph, self.report)

    def losses(self) -> torch.Tensor:
        outputs, _ = self.model(self.batch.inputs)
        return self.model.losses(outputs, self.batch.targets).nanmean()


@pytest.fixture(scope="module", params=TEMPLATES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


def test_parameters_are_those_of_the_model(bench: Bench) -> None:
    assert bench.total.parameters == bench.model.parameter_count()


@pytest.mark.filterwarnings("ignore:TF32")
def test_multiply_adds_are_those_that_torch_counts(bench: Bench) -> None:
    if as_inputs(bench.batch.inputs).lengths is not None:
        pytest.skip("rows that differ in length stop early: a row costs at most what is told")
    unfused = torch.backends.mkldnn.flags(enabled=False)  # the counter does not see into oneDNN
    counter = FlopCounterMode(display=False)
    with unfused, sdpa_kernel(SDPBackend.MATH), torch.no_grad(), counter:
        bench.model(bench.batch.inputs)
    assert bench.total.macs * ROWS * 2 == counter.get_total_flops()


def test_activations_are_near_what_torch_keeps(bench: Bench) -> None:
    given = as_inputs(bench.batch.inputs)
    apart = [*bench.model.parameters(), given.main]
    seen = {each.untyped_storage().data_ptr() for each in apart}
    kept: list[Any] = []

    def pack(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            kept.append(storage)
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = bench.losses()
    real = sum(storage.nbytes() for storage in kept)
    told = bench.total.memory(bench.project.training).activations
    assert loss.isfinite()
    assert 0.6 < told / real < 1.5


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop", "adagrad"])
def test_the_optimizer_remembers_what_is_told(optimizer: str) -> None:
    bench = Bench("hello-rnn")
    training = bench.project.training.with_value("optimizer", optimizer)
    made = make_optimizer(bench.model, training)
    bench.losses().backward()  # type: ignore[no-untyped-call]
    made.step()
    states = [value for state in made.state.values() for key, value in state.items()
              if isinstance(value, torch.Tensor) and key != "step"]  # fmt: skip
    memory = bench.total.memory(training)
    assert memory.optimizer == sum(value.nbytes for value in states)
    weights = sum(p.numel() * p.element_size() for p in bench.model.parameters())
    assert memory.weights == memory.gradients == weights
    assert memory.total == 2 * weights + memory.optimizer + memory.activations + memory.passing


@pytest.mark.parametrize(("name", "block"), [("adding-lstm", "lstm"), ("order-gru", "gru"),
                                             ("adding-rnn", "rnn")])  # fmt: skip
def test_an_opened_block_costs_the_same(name: str, block: str) -> None:
    bench = Bench(name)
    graph, report = bench.project.graph, bench.report
    one = opened(graph.blocks[block], report.contexts[block])
    assert one is not None
    wider = graph.with_block(one)
    again = costs(wider, check(wider, bench.model.facts))[block]
    fused = costs(graph, report)[block]
    assert again.macs == fused.macs


def test_what_does_not_move_with_time_costs_once_and_a_bypass_nothing() -> None:
    bench = Bench("char-mgu")
    graph, report = bench.project.graph, bench.report
    (cell,) = (block for block in graph if block.kind == "cell")
    assert cell.inside is not None
    inside = costs(cell.inside, report.inside[cell.id])
    steps = bench.model.facts.window
    whole = costs(graph, report)[cell.id]
    assert whole.macs == steps * sum(each.macs for each in inside.values())
    assert whole.parameters == sum(each.parameters for each in inside.values())
    dead = graph.with_block(dataclasses.replace(cell, mode="bypass"))
    assert costs(dead, check(dead, bench.model.facts))[cell.id] == Cost()


def test_large_numbers_in_words() -> None:
    assert [in_words(n) for n in (0, 950, 1200, 3_400_000, 5_600_000_000)] == [
        "0", "950", "1.2 k", "3.4 M", "5.6 G",
    ]  # fmt: skip
    assert [bytes_in_words(n) for n in (12, 12_300, 4_500_000)] == ["12 B", "12.3 kB", "4.5 MB"]
