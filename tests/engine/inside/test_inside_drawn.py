"""A drawn cell has the spectrum of the fused layer that it was opened from."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.drawn import DrawnJacobians, drawn_cells, gate_matrices
from seqstudio.engine.inside.spectrum import _curve, _drawn, _fused
from seqstudio.engine.inside.subject import Excerpt
from seqstudio.engine.jacobian import greatest_stretch, stretches
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes import recurrent_cells
from tests.engine.test_opening import pair

STEPS, UNITS = 7, 6


def excerpt() -> Excerpt:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(1, STEPS, 5, generator=generator, dtype=torch.float64)
    y = torch.randn(1, STEPS, 5, generator=generator, dtype=torch.float64)
    return Excerpt(Inputs(x), y, tuple(map(str, range(STEPS))))


def at_rest(model: GraphModel) -> GraphModel:
    return model.eval().requires_grad_(False)


def both(kind: str, params: dict[str, object]) -> tuple[Any, Any]:
    """Return what the numbers of a fused layer come from, and of the cell drawn from it."""
    fused, own = (at_rest(each) for each in pair(kind, params, torch.float64))
    (cell,) = recurrent_cells(fused).values()
    (drawn,) = drawn_cells(own).values()
    return _fused(fused, cell, excerpt()), _drawn(own, drawn, excerpt())


def curve_of(layer: Any) -> Tensor:
    making = _curve(layer.jacobians, layer.e_last)
    while True:
        try:
            next(making)
        except StopIteration as end:
            return end.value


def sizes(matrix: Tensor) -> Tensor:
    return torch.linalg.eigvals(matrix).abs().sort().values


@pytest.mark.parametrize(
    ("kind", "params"),
    [("rnn", {}), ("rnn", {"nonlinearity": "relu"}), ("gru", {}), ("lstm", {})],
    ids=["tanh", "relu", "gru", "lstm"],
)
def test_opened_and_unchanged_it_has_the_same_numbers(kind, params) -> None:
    layer, own = both(kind, params)
    fused, drawn = layer.jacobians, own.jacobians
    assert (drawn.steps, drawn.size) == (fused.steps, fused.size)
    for t in range(STEPS):
        one, two = fused.matrix(t), drawn.matrix(t)  # the states may stand in another order
        torch.testing.assert_close(sizes(one), sizes(two), rtol=0, atol=1e-7)
        torch.testing.assert_close(one.norm(), two.norm(), rtol=1e-10, atol=0)
    *_, sigma = greatest_stretch(fused, 1, STEPS - 1)
    *_, own_sigma = greatest_stretch(drawn, 1, STEPS - 1)
    assert float(own_sigma) == pytest.approx(float(sigma), rel=1e-8)
    curve = curve_of(layer)
    assert curve.shape == (STEPS,)
    torch.testing.assert_close(curve_of(own), curve, rtol=0, atol=1e-9)
    if kind != "rnn" or not params:
        volume = [torch.stack(list(stretches(each, each.size))).sum() for each in (fused, drawn)]
        torch.testing.assert_close(volume[1], volume[0], rtol=1e-9, atol=1e-9)


def test_push_and_pull_are_products_with_the_matrix() -> None:
    drawn = both("lstm", {})[1].jacobians
    v = torch.randn(3, drawn.size, dtype=torch.float64)
    for t in (0, 3, STEPS - 1):
        torch.testing.assert_close(drawn.push(t, v), v @ drawn.matrix(t).T, rtol=0, atol=1e-14)
        torch.testing.assert_close(drawn.pull(t, v), v @ drawn.matrix(t), rtol=0, atol=1e-14)


def test_peepholes_have_no_fused_layer_but_an_opened_one_has_a_spectrum() -> None:
    fused, own = (at_rest(each) for each in pair("lstm", {"peepholes": True}, torch.float64))
    assert not recurrent_cells(fused)
    ((_, cell),) = drawn_cells(own).items()
    drawn = DrawnJacobians(own, cell, excerpt())
    assert drawn.size == 2 * UNITS
    inner = fused.module("it")
    (layer,) = inner.cells
    x = excerpt().inputs.main @ fused.module("before").weight.T + fused.module("before").bias
    start = torch.zeros(UNITS, dtype=torch.float64)

    def step(state: Tensor) -> Tensor:
        h, c = layer.step(layer.contribution(x[:, 0]), *state[None].chunk(2, -1))
        return torch.cat([h, c], -1)[0]

    wanted = torch.autograd.functional.jacobian(step, torch.cat([start, start]))
    torch.testing.assert_close(sizes(drawn.matrix(0)), sizes(wanted), rtol=0, atol=1e-9)


def test_gates_have_their_matrices_and_nothing_is_left_behind() -> None:
    _, own = pair("lstm", {}, torch.float64)
    at_rest(own)
    ((_, cell),) = drawn_cells(own).items()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    DrawnJacobians(own, cell, excerpt())
    found = gate_matrices(cell)
    assert len(found) == 4
    assert all(matrix.shape == (UNITS, UNITS) for matrix in found.values())
    assert all(name.startswith("U ") for name in found)
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    assert not any(part._forward_hooks for part in own.modules())
    assert all(parameter.grad is None for parameter in own.parameters())
