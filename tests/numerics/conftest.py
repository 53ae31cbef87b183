"""Oracles that the numeric tests share: unrolled cells under autograd, and graphs in a row."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.engine.model import GraphModel


class Unrolled(nn.Module):
    """The equations of a fused cell as a Python loop; h_t and c_t are nodes of the graph."""

    def __init__(self, cell: nn.RNNBase, suffix: str = "") -> None:
        super().__init__()
        self.cell = cell
        self.suffix = suffix
        self.hs: list[Tensor] = []
        self.cs: list[Tensor] = []

    def weight(self, name: str) -> Tensor:
        return self.cell.get_parameter(f"{name}_l0{self.suffix}")

    def forward(self, x: Tensor, start=None):
        self.hs, self.cs = [], []
        h, c = start if isinstance(start, tuple) else (start, None)
        zero = x.new_zeros(x.shape[0], self.cell.hidden_size)
        h, c = (zero if v is None else v[0] for v in (h, c))
        for t in range(x.shape[1]):
            a = x[:, t] @ self.weight("weight_ih").T
            b = h @ self.weight("weight_hh").T
            if self.cell.bias:
                a, b = a + self.weight("bias_ih"), b + self.weight("bias_hh")
            h, c = self.step(a, b, h, c)
            self.hs.append(h)
            self.cs.append(c)
        last = (h[None], c[None]) if self.cell.mode == "LSTM" else h[None]
        return torch.stack(self.hs, 1), last

    def step(self, a: Tensor, b: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        if self.cell.mode == "LSTM":
            i, f, g, o = (a + b).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c
        if self.cell.mode == "GRU":
            (ar, az, an), (br, bz, bn) = a.chunk(3, -1), b.chunk(3, -1)
            r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
            n = (an + r * bn).tanh()
            return (1 - z) * n + z * h, c
        return ((a + b).tanh() if self.cell.mode == "RNN_TANH" else (a + b).relu()), c


@pytest.fixture(scope="session")
def unrolled() -> Callable[..., Unrolled]:
    """Class that runs a fused cell as a loop."""
    return Unrolled


@pytest.fixture(scope="session")
def chain() -> Callable[..., Graph]:
    """Builder of a graph of blocks in a row, each a kind or (kind, settings)."""

    def build(*blocks: str | tuple[str, Mapping[str, object]]) -> Graph:
        graph, before = Graph(), ""
        for item in blocks:
            kind, settings = (item, {}) if isinstance(item, str) else item
            block = Block(graph.new_id(kind), kind, params=KINDS[kind].parse(settings))
            graph = graph.with_block(block)
            if before:
                graph = graph.with_wire(Wire(before, "out", block.id, "in"))
            before = block.id
        return graph

    return build


@pytest.fixture(scope="session")
def make_model(chain) -> Callable[..., GraphModel]:
    """Builder of a seeded float64 model from blocks in a row."""

    def build(*blocks, seed: int = 0, **facts) -> GraphModel:
        torch.manual_seed(seed)
        return GraphModel(chain(*blocks), DataFacts(**{"vocabulary": 9, **facts})).double()

    return build
