"""Predicted decay, the raw curve and the sum of the items, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.engine.cell_steps import keeping
from seqstudio.engine.gradflow import (
    CellWeights,
    LayerRun,
    itemised_map,
    kept_curve,
    norm64,
    state_gradients,
)
from seqstudio.engine.probes import horizons

ROWS, STEPS, WIDTH, UNITS = 3, 20, 4, 6


def run_of(cell: nn.RNNBase) -> LayerRun:
    torch.manual_seed(2)
    x = torch.randn(ROWS, STEPS, WIDTH, dtype=torch.float64)
    return LayerRun(x, cell(x)[0].detach())


def test_gates_that_keep_are_those_of_the_equations() -> None:
    torch.manual_seed(0)
    for cell in (nn.LSTM(WIDTH, UNITS, batch_first=True), nn.GRU(WIDTH, UNITS, batch_first=True)):
        run = run_of(cell.double())
        w = CellWeights.from_module(cell)
        found = keeping(w, run)
        before = torch.cat([torch.zeros_like(run.h[:, :1]), run.h[:, :-1]], 1)
        z = run.x @ w.w_ih.T + w.b_ih + before @ w.w_hh.T + w.b_hh
        torch.testing.assert_close(found, z[..., UNITS : 2 * UNITS].sigmoid())
    assert keeping(CellWeights.from_module(nn.RNN(WIDTH, UNITS)), run) is None


def test_the_product_of_gates_is_the_median_over_units_then_pairs() -> None:
    torch.manual_seed(1)
    keep = torch.rand(ROWS, STEPS, UNITS, dtype=torch.float64) * 0.9 + 0.05
    found = kept_curve(keep, [STEPS - 1, 12])
    assert found[0] == 0.0
    for d in (1, 5, 12, STEPS - 1):
        pairs = [
            float(keep[row, k - d + 1 : k + 1].log10().sum(0).median())
            for row in range(ROWS)
            for k in (STEPS - 1, 12)
            if k >= d
        ]
        wanted = sorted(pairs)[round(0.5 * (len(pairs) - 1))]
        assert float(found[d]) == pytest.approx(wanted, abs=1e-12)


def test_without_recurrent_weights_the_prediction_is_the_measured_decay_of_the_cell() -> None:
    torch.manual_seed(0)
    cell = nn.LSTM(WIDTH, UNITS, batch_first=True).double()
    with torch.no_grad():
        cell.weight_hh_l0.zero_()
        cell.weight_ih_l0[UNITS : 2 * UNITS] = 0  # one forget gate for all units and steps
        cell.bias_hh_l0[UNITS : 2 * UNITS] = 0
        cell.bias_ih_l0[UNITS : 2 * UNITS] = 1.5
    run, w = run_of(cell), CellWeights.from_module(cell)
    found = kept_curve(keeping(w, run), [STEPS - 1])
    items = itemised_map(w, run, torch.ones_like(run.h), targets=[STEPS - 1]).log10_c[0, 0]
    measured = (items - items[-1]).flip(0)
    torch.testing.assert_close(found, measured, rtol=0, atol=1e-12)
    step = float(torch.tensor(1.5, dtype=torch.float64).sigmoid().log10())
    torch.testing.assert_close(found, step * torch.arange(STEPS).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_sum_of_the_items_is_the_total_of_their_sum(kind) -> None:
    torch.manual_seed(0)
    cell = kind(WIDTH, UNITS, batch_first=True).double()
    run, w = run_of(cell), CellWeights.from_module(cell)
    e = torch.randn(ROWS, STEPS, UNITS, dtype=torch.float64)
    total = state_gradients(w, run, e).total_h
    items = itemised_map(w, run, e)
    torch.testing.assert_close(items.sum_h, total, rtol=1e-12, atol=1e-12)
    assert float(norm64(total).sum()) < 0.99 * float((10**items.log10_h).nansum())


@pytest.mark.parametrize("body", ["lstm", "gru", "rnn", "transformer"])
def test_every_horizon_carries_its_raw_curve_and_the_carrier_its_prediction(
    body: str, make_model
) -> None:
    settings = {"heads": 2} if body == "transformer" else {"hidden": 8}
    embedding = ("embedding", {"width": 8})
    model = make_model("tokens", embedding, (body, settings), "next_token")
    ids = torch.randint(9, (2, 13), generator=torch.Generator().manual_seed(3))
    for each in horizons(model, ids[:, :-1], ids[:, 1:]):
        assert each.raw.shape == (3, 12)
        assert (each.raw[0] <= each.raw[2]).all()
        carrier = {"lstm": "dl/dc", "gru": "dl/dh"}.get(body)
        assert (each.predicted is not None) == (each.quantity == carrier)
        if each.predicted is not None:
            assert each.predicted[0] == 0.0
            assert (np.diff(each.predicted) < 0).any()
