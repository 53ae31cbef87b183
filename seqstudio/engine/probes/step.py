"""Gradients through time of a training step, as they fell out of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from seqstudio.engine.cell_tap import CellTap
from seqstudio.engine.gradflow import (
    CellWeights,
    LayerRun,
    norm64,
    state_gradients,
    time_curve,
)
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes.recurrent import pair, recurrent_cells
from seqstudio.engine.throughtime import QuickGRU, QuickLSTM, QuickRNN, Watch
from seqstudio.records.readings import (
    Floats,
    GradientReading,
    LayerGradient,
    freeze,
)


@dataclass(frozen=True)
class _Seen:
    """Tensors of one cell in the graph of the step."""

    x: Tensor
    start: object
    y: Tensor
    last: tuple[Tensor, ...]
    lengths: Tensor | None


@dataclass(frozen=True)
class _Slice:
    """What the recursion needs of one cell: copies on the CPU."""

    block: str
    layer: int
    weights: CellWeights
    run: LayerRun
    e: Tensor
    e_last_h: Tensor | None
    e_last_c: Tensor | None

    @property
    def rows(self) -> int:
        return len(self.e)

    def gradient(self, scale: float) -> LayerGradient:
        return _layer_gradient(self, scale)


@dataclass(frozen=True)
class _Norms:
    """What a watched backward pass left of one cell: mean norms over the rows, float64.

    The order is that of `LayerGradient`: by h, directly by h, by c, by the starts.
    """

    block: str
    layer: int
    kind: str
    rows: int
    curves: tuple[Tensor, Tensor, Tensor | None]
    initial: tuple[Tensor, Tensor | None]

    def gradient(self, scale: float) -> LayerGradient:
        total, direct, by_c = self.curves
        first, first_c = self.initial

        def curve(norms: Tensor) -> Floats:
            return freeze((norms * scale).numpy())

        return LayerGradient(
            self.block,
            self.layer,
            self.kind,
            curve(total),
            curve(direct),
            None if by_c is None else curve(by_c),
            float(first) * scale,
            None if first_c is None else float(first_c) * scale,
        )


class StepTap:
    """Watches one training step and turns it into gradients through time.

    Used as::

        with StepTap(model) as tap:
            outputs, state = model(inputs, state)
            model.losses(outputs, targets).mean().backward()
        tap.collect(rows=4)  # before the optimizer changes the weights
        optimizer.step()
        reading = tap.reading(step, tokens, scale=targets.numel(), window=inputs.shape[1])

    Forward and backward stay on the fused kernels and cost nothing extra; `collect` copies a few
    rows and the weights; `reading` runs the recursion, whenever there is time for it. When a cell
    runs several times inside, the last run counts.

    Where the backward pass is written by hand (see `throughtime`), the gradients fall out of it
    and no recursion runs. With `every`, LSTM layers take that way too: their step is slower then,
    but much quicker than a step and a recursion over all its rows.
    """

    def __init__(self, model: GraphModel, *, every: bool = False) -> None:
        self._cells = recurrent_cells(model)
        self._watching = {
            key: cell
            for key, cell in self._cells.items()
            if isinstance(cell, (QuickRNN, QuickGRU)) or (every and isinstance(cell, QuickLSTM))
        }
        self._watches: dict[tuple[str, int], Watch | None] = {}
        self._drawn = CellTap(model)
        self._hooks: list[Any] = []
        self._seen: dict[tuple[str, int], _Seen] = {}
        self._parts: list[_Slice | _Norms] = []
        self._cost_s = 0.0

    def __enter__(self) -> Self:
        for key, cell in self._cells.items():
            self._hooks.append(cell.register_forward_hook(self._watch(key)))
        for quick in self._watching.values():
            quick.watch = Watch()
        self._drawn.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        for quick in self._watching.values():
            quick.watch = None
        self._drawn.close()
        if kind is not None:
            self._seen.clear()

    def _watch(self, key: tuple[str, int]) -> Callable[[nn.Module, Any, Any], None]:
        def keep(cell: nn.Module, args: Any, output: Any) -> None:
            if isinstance(cell, (QuickRNN, QuickGRU, QuickLSTM)) and cell.watch is not None:
                self._watches[key], cell.watch = cell.watch, Watch()  # one for each run
            y, last = output
            ends = last if isinstance(last, tuple) else (last,)
            for tensor in (y, *ends):
                if tensor.requires_grad:
                    tensor.retain_grad()
            start = args[1] if len(args) > 1 else None
            self._seen[key] = _Seen(args[0], start, y, ends, args[2] if len(args) > 2 else None)

        return keep

    @torch.no_grad()
    def collect(self, rows: int | Tensor = 4) -> None:
        """Copy some rows and the weights to the CPU, and let go of the step's graph.

        Call it after backward and before the optimizer's step. A layer that no gradient reached
        is left out.

        Args:
            rows: How many of the first rows, or the numbers of rows (N,); where rows differ in
                length they have to be alike, see `Inputs.alike`.
        """
        began = time.perf_counter()
        chosen = slice(rows) if isinstance(rows, int) else rows
        self._parts = [
            self._norms(key, seen, chosen) or self._slice(key, seen, chosen)
            for key, seen in self._seen.items()
            if any(part.grad is not None for part in (seen.y, *seen.last))
        ]
        self._seen.clear()
        self._watches.clear()
        self._drawn.collect(chosen)
        self._cost_s = time.perf_counter() - began

    def _norms(self, key: tuple[str, int], seen: _Seen, rows: slice | Tensor) -> _Norms | None:
        """Take what the backward pass left; None where torch's own ran."""
        watch = self._watches.get(key)
        if watch is None or watch.total_h is None or watch.initial_h is None:
            return None
        direct = torch.zeros_like(seen.y) if seen.y.grad is None else seen.y.grad

        def mean(values: Tensor) -> Tensor:  # rows are the last axis but one
            return norm64(values[..., rows, :]).mean(-1)

        def if_any(values: Tensor | None) -> Tensor | None:
            return None if values is None else mean(values)

        kind = self._cells[key].mode.lower().split("_")[0]
        count = len(watch.initial_h[rows])
        curves = (mean(watch.total_h), mean(direct.transpose(0, 1)), if_any(watch.total_c))
        return _Norms(*key, kind, count, curves, (mean(watch.initial_h), if_any(watch.initial_c)))

    def _slice(self, key: tuple[str, int], seen: _Seen, rows: slice | Tensor) -> _Slice:
        steps = None if seen.lengths is None else int(seen.lengths[rows][0])
        weights = CellWeights.from_module(self._cells[key], device="cpu")

        def take(values: Tensor | None) -> Tensor | None:
            return None if values is None else weights.like(values[rows]).clone()

        def take_steps(values: Tensor) -> Tensor:
            return weights.like(values[rows][:, :steps]).clone()

        x, y = take_steps(seen.x), take_steps(seen.y)
        h0, c0 = map(take, pair(seen.start))
        e = None if seen.y.grad is None else take_steps(seen.y.grad)
        e_h, e_c = map(take, pair(tuple(part.grad for part in seen.last)))
        run = LayerRun(x, y, h0, c0)
        return _Slice(*key, weights, run, torch.zeros_like(y) if e is None else e, e_h, e_c)

    def reading(
        self, step: int, tokens: Sequence[str], scale: float, window: int
    ) -> GradientReading:
        """Run the recursion over what was collected.

        Args:
            step: Optimizer steps done before the measured one.
            tokens: Texts of the time steps of the first row.
            scale: Number of terms behind the mean of the loss (B*T for next tokens), divided by
                the factor of a gradient scaler if there is one.
            window: Steps of the window.
        """
        began = time.perf_counter()
        found = [part.gradient(scale) for part in self._parts]
        layers = (*found, *self._drawn.layers(scale))
        rows = max((self._drawn.rows, *(part.rows for part in self._parts)))
        cost_s = self._cost_s + time.perf_counter() - began
        return GradientReading(
            step, tuple(tokens), layers, (), rows, window, "training step", cost_s
        )


def _layer_gradient(part: _Slice, scale: float) -> LayerGradient:
    flow = state_gradients(
        part.weights, part.run, part.e, e_last_h=part.e_last_h, e_last_c=part.e_last_c
    )

    def curve(gradient: Tensor) -> Floats:
        return freeze(time_curve(gradient, scale).mean_of_norms.numpy())

    return LayerGradient(
        part.block,
        part.layer,
        part.weights.kind.split("_")[0],
        curve(flow.total_h),
        curve(flow.direct_h),
        None if flow.total_c is None else curve(flow.total_c),
        float(norm64(flow.initial_h).mean()) * scale,
        None if flow.initial_c is None else float(norm64(flow.initial_c).mean()) * scale,
        direct_c=None if flow.direct_c is None else curve(flow.direct_c),
    )
