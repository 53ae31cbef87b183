"""Distance, symbols and sums: what is told equals what the model does by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.blocks.memories import MEMORIES, memory_block, memory_title, with_memory
from seqstudio.blocks.templates import make
from seqstudio.core.errors import DataError, RunError
from seqstudio.data.facts import facts_of
from seqstudio.data.tasks.distance import at_distance, cues
from seqstudio.data.tasks.oracles import known_answers
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.inside.trying.adding import add_numbers
from seqstudio.engine.inside.trying.distance import distances
from seqstudio.engine.inside.trying.symbols import read_symbols
from seqstudio.engine.inside.units import unit_sites
from seqstudio.engine.losses import prediction_losses
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.trying.adding import Added, AddNumbers
from seqstudio.records.inside.trying.distance import DistanceOf, Distances
from seqstudio.records.inside.trying.symbols import ReadSymbols, SymbolsRead
from tests.engine.inside.looking import small
from tests.engine.inside.looking import subject as subject_of


def plain(template: str, **params: object) -> Subject:
    found = subject_of(small(template, **params), "")
    found.model.float()
    return found


def last(answers: Any) -> Any:
    with torch.no_grad():
        return [answer for answer in answers if answer is not None][-1]


def asked(subject: Subject, *wanted: int, **settings: Any) -> Distances:
    found = last(distances(subject, DistanceOf(wanted, **settings)))
    assert isinstance(found, Distances)
    return found


# ---------------------------------------------------------------------------------- distance


class _Program(nn.Module):
    """Answers as the program does, for a row at a time."""

    pattern = "class per step"

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.task, self.classes = subject.dataset.task, len(subject.dataset.classes)

    def forward(self, inputs: Inputs) -> tuple[torch.Tensor, dict[str, Any]]:
        outputs = torch.full((*inputs.main.shape, self.classes), -20.0)
        for row, ids in enumerate(inputs.main.tolist()):
            length = len(ids) if inputs.lengths is None else int(inputs.lengths[row])
            known = known_answers(self.task, ids[:length])
            assert known is not None
            for step, answer in enumerate(known.answers):
                outputs[row, step, max(answer, 0)] = 20.0
        return outputs, {}

    def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return prediction_losses("class per step", outputs, targets)


@pytest.mark.parametrize(
    "template", ["brackets-lstm", "anbn-lstm", "parity-rnn", "copy-memory-rnn"]
)
def test_a_program_is_right_at_every_distance(template: str) -> None:
    subject = plain(template)
    program = replace(subject, model=_Program(subject))  # type: ignore[arg-type]
    found = asked(program, gradients=False, examples=8)
    assert (found.right == 1).all()
    assert (found.whole == 1).all()
    assert (found.loss < 1e-6).all()
    assert np.isnan(found.gradient).all()
    assert found.distances[-1] >= 3 * found.trained[1]


def test_the_loss_is_that_of_fresh_examples_at_the_distance() -> None:
    subject = plain("recall-lstm")
    found = asked(subject, 7, 90, examples=300, gradients=False)
    assert subject.dataset.task is not None
    for place, distance in enumerate((7, 90)):
        batch = at_distance(subject.dataset.task, distance).draw(np.random.default_rng(5), 3000)
        with torch.no_grad():
            outputs, _ = subject.model(torch.from_numpy(batch.inputs))
        targets = torch.from_numpy(batch.targets)
        loss = float(nn.functional.cross_entropy(outputs, targets))
        assert found.loss[place] == pytest.approx(loss, abs=0.05)
        right = float((outputs.argmax(-1) == targets).float().mean())
        assert found.right[place] == pytest.approx(right, abs=0.09)
    assert found.trained == (50, 50)
    assert found.chance == 0.25


def test_the_gradient_is_the_difference_that_the_cue_makes() -> None:
    subject = plain("adding-irnn", init="default", nonlinearity="tanh")
    found = asked(subject, 6, examples=8)
    assert subject.dataset.task is not None
    task = at_distance(subject.dataset.task, 6)
    batch = task.draw(np.random.default_rng((0x0D15_7A2C, 6)), 8)
    at, norms, small_step = cues(task, batch), [], 5e-3
    for row in range(8):
        slopes = []
        for feature in range(2):
            losses = []
            for sign in (1, -1):
                changed = batch.inputs[row : row + 1].copy()
                changed[0, at[row], feature] += sign * small_step
                with torch.no_grad():
                    outputs, _ = subject.model(torch.from_numpy(changed))
                losses.append(float((outputs - float(batch.targets[row, 0])).square()))
            slopes.append((losses[0] - losses[1]) / (2 * small_step))
        norms.append(np.hypot(*slopes))
    assert found.gradient[0] == pytest.approx(float(np.mean(norms)), rel=0.02)


def test_places_that_were_never_learned_are_refused() -> None:
    found = asked(
        plain("adding-transformer", kind="learned"), 50, 100, 150, gradients=False, examples=4
    )
    assert found.distances.tolist() == [50, 100]
    assert "beyond 100" in found.refused


def test_a_text_has_no_distance_and_no_symbols() -> None:
    subject = plain("hello-rnn")
    with pytest.raises(RunError, match="no distance"):
        asked(subject)
    with pytest.raises(RunError, match="typed here"):
        last(read_symbols(replace(subject, text="hello"), ReadSymbols()))
    with pytest.raises(RunError, match="does not add"):
        last(add_numbers(subject, AddNumbers((0.5,), (0,))))


# ----------------------------------------------------------------------------------- symbols


def test_symbols_are_answered_as_the_model_answers_and_the_unit_is_the_best_one() -> None:
    subject = replace(plain("brackets-lstm"), text="([x]){}")
    found = last(read_symbols(subject, ReadSymbols()))
    assert isinstance(found, SymbolsRead)
    assert found.tokens == tuple("([]){}")
    assert found.skipped == ("x",)
    assert found.right.tolist() == [1, 2, 1, 0, 3, 0]
    assert found.memory.tolist() == [1, 2, 1, 0, 1, 0]
    ids = torch.tensor([[1, 2, 5, 4, 3, 6]])
    with torch.no_grad():
        outputs, _ = subject.model(Inputs(ids, lengths=torch.tensor([6])))
        tap = unit_sites(subject.model)[0].tap
        with tap.open("c"):
            subject.model(Inputs(ids, lengths=torch.tensor([6])))
        states = tap.taken("c", torch.tensor([6]))[0].double().numpy()
    np.testing.assert_allclose(found.p, outputs[0].softmax(-1), atol=1e-6)
    by_hand = [float(np.corrcoef(unit, found.memory)[0, 1]) for unit in states.T]
    best = int(np.argmax(np.abs(by_hand)))
    assert found.unit.endswith(f"c {best}")
    assert found.likeness == pytest.approx(by_hand[best], abs=1e-5)
    np.testing.assert_allclose(found.state, states[:, best], atol=1e-6)


def test_what_is_no_string_is_told_and_what_is_nothing_refused() -> None:
    subject = plain("anbn-lstm")
    found = last(read_symbols(replace(subject, text="abb"), ReadSymbols()))
    assert "Letter 3" in found.problem
    assert found.right.tolist() == [-100, 2, -100]
    with pytest.raises(DataError, match="nothing to read"):
        last(read_symbols(replace(subject, text="xyz"), ReadSymbols()))


# ------------------------------------------------------------------------------------ adding


def test_the_sum_is_that_of_the_whole_row_and_beginnings_are_asked_alone() -> None:
    subject = plain("adding-lstm")
    values = tuple(np.linspace(0, 1, 30).tolist())
    found = last(add_numbers(subject, AddNumbers(values, (3, 20))))
    assert isinstance(found, Added)
    assert found.right == pytest.approx(values[3] + values[20])
    row = torch.zeros(1, 30, 2)
    row[0, :, 0] = torch.tensor(values)
    row[0, [3, 20], 1] = 1
    for steps, answer in zip(found.steps, found.running, strict=True):
        with torch.no_grad():
            assert answer == pytest.approx(float(subject.model(row[:, :steps])[0]), abs=1e-6)
    assert found.answer == found.running[-1]
    with pytest.raises(DataError, match="marks"):
        last(add_numbers(subject, AddNumbers(values, (3, 30))))


# ---------------------------------------------------------------------------------- memories


@pytest.mark.parametrize("memory", MEMORIES, ids=lambda memory: memory.name)
def test_every_memory_stands_in_the_place_of_another(memory: Any) -> None:
    project = make("recall-lstm")
    graph = with_memory(project.graph, memory)
    assert memory_title(graph) == memory.title
    assert {wire.target for wire in graph.wires} == {wire.target for wire in project.graph.wires}
    block = memory_block(graph)
    assert block is not None
    assert block.params.get("hidden", 32) == 32
    subject = plain("recall-lstm")
    model = GraphModel(graph, facts_of(subject.dataset, project.training))
    outputs, _ = model(torch.zeros(2, 9, dtype=torch.int64))
    assert outputs.shape == (2, 4)


def test_a_graph_without_a_memory_keeps_what_it_has() -> None:
    graph = make("order-dense").graph
    assert memory_block(graph) is None
    assert memory_title(graph) == "no memory"
    with pytest.raises(ValueError, match="exactly one"):
        with_memory(graph, MEMORIES[0])
