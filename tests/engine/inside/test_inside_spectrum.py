"""The spectrum, asked as a window asks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.spectrum import MOST_SETTLING
from seqstudio.records.inside.spectrum import Spectrum, SpectrumOf
from seqstudio.records.looking import LookAt, Looked, LookFailed


def changed(template: str, **params: object) -> Project:
    """A template with other settings of its recurrent block."""
    project = make(template)
    (block,) = [each for each in project.graph if each.kind in {"rnn", "gru", "lstm"}]
    other = replace(block, params={**block.params, **params})
    graph = replace(project.graph, blocks={**project.graph.blocks, block.id: other})
    return replace(project, graph=graph)


def asked(
    project: Project, question: SpectrumOf, looker: Looker | None = None
) -> tuple[int, object]:
    """Return in how many slices the answer came, and the answer."""
    looker = looker or Looker()
    looker.wish(LookAt(1, "here", question, project_text(project), ""))
    found, slices = [], 0
    while looker.busy:
        told, slices = looker.advance(), slices + 1
        found += [] if told is None else [told]
    (answer,) = found
    return slices, answer


def reading_of(answer: object) -> Spectrum:
    assert isinstance(answer, Looked)
    assert answer.done
    assert isinstance(answer.reading, Spectrum)
    return answer.reading


def model_in(looker: Looker):
    (subject,) = looker._models.values()
    return subject.model


@pytest.mark.parametrize(
    "project",
    [
        changed("adding-rnn", hidden=64),
        changed("adding-irnn", hidden=64),
        changed("adding-rnn", hidden=64, init="scaled", radius=1.5),
        changed("recall-lstm"),
    ],
    ids=["tanh", "identity", "1.5 orthogonal", "lstm, forget bias 5"],
)
def test_the_first_exponent_is_the_slope_that_is_measured(project: Project) -> None:
    slices, answer = asked(project, SpectrumOf())
    found = reading_of(answer)
    assert found.slope == pytest.approx(found.exponents[0] / math.log(10), abs=0.02)
    assert (np.diff(found.exponents) <= 0).all()
    assert found.settling == min(len(found.local) // 4, MOST_SETTLING)
    assert len(found.curve) == len(found.local) == len(found.tokens)
    assert found.curve[0] == 0.0
    assert slices > 5, "training goes on in between"


def test_the_numbers_of_a_fresh_tanh_net() -> None:
    """The sufficient condition is inconclusive although the gradient vanishes: 2.4."""
    found = reading_of(asked(changed("adding-rnn", hidden=128), SpectrumOf())[1])
    (matrix,) = found.matrices
    assert matrix.radius == pytest.approx(0.6, abs=0.06)
    assert matrix.sigma == pytest.approx(1.14, abs=0.04)
    assert found.exponents[0] < -0.4


def test_every_gate_has_its_matrix_and_the_jacobian_joins_h_and_c() -> None:
    looker = Looker()
    project = changed("recall-lstm")
    _, answer = asked(project, SpectrumOf(at=4, jacobian=True), looker)
    found = reading_of(answer)
    assert [each.name for each in found.matrices] == ["W_hi", "W_hf", "W_hg", "W_ho", "J"]
    (cell,) = [part for part in model_in(looker).modules() if isinstance(part, torch.nn.LSTM)]
    for each, matrix in zip(found.matrices, cell.weight_hh_l0.detach().numpy().reshape(4, 32, 32),
                            strict=False):  # fmt: skip
        values = np.linalg.eigvals(matrix)
        assert each.radius == pytest.approx(np.abs(values).max(), rel=1e-4)
        assert each.sigma == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-4)
        assert np.sum(each.real) == pytest.approx(np.trace(matrix), abs=1e-4)
        assert np.sum(each.imag) == pytest.approx(0, abs=1e-4)
    assert len(found.matrices[4].real) == 64
    assert (found.at, found.window) == (4, 5), "five steps lead up to step 4"
    names = [
        each.name for each in reading_of(asked(changed("recall-lstm"), SpectrumOf())[1]).matrices
    ]
    assert "J" not in names


def test_layers_can_be_chosen_and_the_lower_one_has_a_slope_too() -> None:
    project = changed("recall-lstm", layers=2)
    upper = reading_of(asked(project, SpectrumOf())[1])
    lower = reading_of(asked(project, SpectrumOf(block=upper.block, layer=0))[1])
    assert upper.layers == lower.layers == ((upper.block, 0), (upper.block, 1))
    assert (upper.layer, lower.layer) == (1, 0)
    assert not np.array_equal(upper.exponents, lower.exponents)
    assert math.isfinite(lower.slope)


def test_asking_leaves_the_model_as_it_was_and_no_random_number_is_taken() -> None:
    looker, project = Looker(), changed("recall-lstm")
    numbers = torch.get_rng_state()
    _, first = asked(project, SpectrumOf(), looker)
    model = model_in(looker)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hooks = sum(len(part._forward_hooks) for part in model.modules())
    _, second = asked(project, SpectrumOf(jacobian=True), looker)
    assert model_in(looker) is model
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert hooks == sum(len(part._forward_hooks) for part in model.modules()) == 0
    assert torch.equal(numbers, torch.get_rng_state())
    np.testing.assert_array_equal(reading_of(first).exponents, reading_of(second).exponents)


def test_a_model_without_state_and_one_without_a_matrix_are_told_apart() -> None:
    _, answer = asked(make("char-gpt"), SpectrumOf())
    assert isinstance(answer, LookFailed)
    assert answer.what == "This model has no recurrent matrix"
    assert "carry no state" in answer.why
    _, answer = asked(changed("recall-lstm", peepholes=True), SpectrumOf())
    assert isinstance(answer, LookFailed)
    assert "peepholes" in answer.why
