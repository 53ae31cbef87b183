"""The reference picture: how far the gradient reaches at the start (docs/diagnostics.md 5, 10.2).

The tables there are of one seed each. Seed 0 here lies within 0.3 decade of them everywhere;
what other seeds give is in docs/guide/inside/gradients.md.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.graph import Graph
from seqstudio.engine.gradflow import CellWeights, LayerRun, itemised_map
from seqstudio.engine.layers import GRU, LSTM, RNN
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes import horizons

UNITS, WIDTH, STEPS, ROWS, CLASSES = 128, 32, 200, 8, 10
DISTANCES = (1, 10, 50, 100, 199)
NEAR = 0.3


def plain_lstm(width: int, units: int) -> LSTM:
    """An LSTM as torch starts it, with forget gates near one half."""
    stack = LSTM(width, units)
    stack.cells[0].load_state_dict(nn.LSTM(width, units, batch_first=True).state_dict())
    return stack


STACKS = {
    "rnn": lambda: RNN(WIDTH, UNITS),
    "orthogonal": lambda: RNN(WIDTH, UNITS, init="orthogonal"),
    "1.5 orthogonal": lambda: RNN(WIDTH, UNITS, init="scaled", radius=1.5),
    "irnn": lambda: RNN(WIDTH, UNITS, nonlinearity="relu", init="identity"),
    "lstm, 0": lambda: plain_lstm(WIDTH, UNITS),
    "lstm, 1": lambda: LSTM(WIDTH, UNITS, forget_bias=1.0),
    "lstm, 5": lambda: LSTM(WIDTH, UNITS, forget_bias=5.0),
    "gru": lambda: GRU(WIDTH, UNITS),
}
TABLE = {
    ("rnn", "h"): (-0.28, -2.8, -13.3, -25.9, -50.7),
    ("orthogonal", "h"): (-0.08, -0.80, -3.9, -7.8, -15.4),
    ("1.5 orthogonal", "h"): (0.00, 0.13, 0.53, 1.15, 2.47),
    ("irnn", "h"): (-0.01, -0.02, -0.07, -0.14, -0.62),
    ("lstm, 0", "h"): (-0.86, -2.9, -11.1, -21.2, None),
    ("lstm, 1", "h"): (-0.87, -1.8, -4.8, -8.4, -15.6),
    ("lstm, 5", "h"): (-0.87, -1.5, -1.4, -1.2, 0.35),
    ("lstm, 1", "c"): (-0.13, -0.95, -3.9, -7.6, -14.8),
    ("gru", "h"): (-0.28, -2.3, -10.4, -20.4, None),
}


def one_loss_at_the_end(name: str) -> dict[str, Tensor]:
    """Return the mean over rows of log10 of the ratio to d = 0, (T,) by distance, for h and c."""
    torch.manual_seed(0)
    (cell,) = STACKS[name]().cells
    torch.manual_seed(1000)
    x = torch.randn(ROWS, STEPS, WIDTH)
    out = cell(x)[0].detach().requires_grad_()
    head = nn.Linear(UNITS, CLASSES)
    wanted = torch.randint(CLASSES, (ROWS,))
    loss = nn.functional.cross_entropy(head(out[:, -1]), wanted, reduction="sum")
    (e,) = torch.autograd.grad(loss, out)
    run = LayerRun(x, out.detach())
    items = itemised_map(CellWeights.from_module(cell), run, e, targets=[STEPS - 1])
    found = {"h": items.log10_h, "c": items.log10_c}
    return {
        key: (sizes[:, 0] - sizes[:, 0, -1:]).flip(-1).mean(0)
        for key, sizes in found.items()
        if sizes is not None
    }


@pytest.mark.parametrize("name", STACKS)
def test_a_single_loss_at_the_end(name: str) -> None:
    found = one_loss_at_the_end(name)
    for (stack, part), wanted in TABLE.items():
        if stack != name:
            continue
        for d, value in zip(DISTANCES, wanted, strict=True):
            if value is not None:
                assert float(found[part][d]) == pytest.approx(value, abs=NEAR), (part, d)


TEXT, SEEDS = 128, (0, 1, 2)
EMBEDDED = ("embedding", {"width": 64})
FAR = (1, 16, 64)
RNN_LIKE = {"rnn": (-0.2, -4.5, -17.7), "gru": (-0.3, -3.6, -12.9), "lstm": (-0.3, -3.5, -13.3)}


def on_one_axis(graph: Graph, plain: bool = False) -> list[float]:
    """Return log10 of the input's gradient relative to d = 0, the mean of a few seeds."""
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = GraphModel(graph, DataFacts(vocabulary=65, window=TEXT))
        if plain:
            start_as_torch_does(model)
        ids = torch.randint(65, (1, TEXT + 1), generator=torch.Generator().manual_seed(0))
        curve = horizons(model, ids[:, :-1], ids[:, 1:])[-1]
        assert curve.quantity == "dl/demb"
        found.append([float(curve.median[d]) for d in FAR])
    return [sum(values) / len(SEEDS) for values in zip(*found, strict=True)]


def start_as_torch_does(model: GraphModel) -> None:
    """Draw all dense layers anew: a transformer block of ours starts smaller."""
    for part in model.modules():
        if isinstance(part, nn.Linear):
            part.reset_parameters()


@pytest.mark.parametrize("kind", RNN_LIKE)
def test_recurrent_models_on_the_axis_of_all(kind: str, chain) -> None:
    options = {"hidden": 256} | ({"forget_bias": 0.0} if kind == "lstm" else {})
    found = on_one_axis(chain("tokens", EMBEDDED, (kind, options), "next_token"))
    assert found == pytest.approx(list(RNN_LIKE[kind]), abs=NEAR)


@pytest.mark.parametrize(("plain", "wanted"), [(True, (-2.45, -2.39, -2.43)),
                                               (False, (-3.46, -3.48, -3.46))])  # fmt: skip
def test_a_transformer_on_the_axis_of_all_is_flat(plain: bool, wanted, chain) -> None:
    """The table's start is torch's own; ours draws weights of 0.02, so its plateau lies lower."""
    width, stack = ("embedding", {"width": 128}), ("transformer", {"layers": 4, "heads": 4})
    graph = chain("tokens", width, "positions", stack, "next_token")
    found = on_one_axis(graph, plain)
    assert found == pytest.approx(list(wanted), abs=NEAR)
    assert max(found) - min(found) < 0.1
