"""Measuring probes: gradients through time of a training step, horizons, attention weights.

A probe leaves parameters, their `.grad`, training flags and random numbers as they were. The
model does not know that it is watched: everything is observed through forward hooks that are
gone again when a probe ends. Definitions: docs/diagnostics.md.

Shape legend: B rows, T time steps, N units, K loss positions, E input features, H heads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import main_arch
from seqstudio.blocks.plan import Node
from seqstudio.engine.cell_steps import keeping
from seqstudio.engine.cell_tap import CellTap
from seqstudio.engine.gradflow import (
    CellWeights,
    LayerRun,
    distance_curve,
    fit_horizon,
    itemised_map,
    kept_curve,
    norm64,
    state_gradients,
    time_curve,
)
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.layers import Recurrent, SelfAttention
from seqstudio.engine.model import GraphModel, State
from seqstudio.engine.throughtime import QuickGRU, QuickLSTM, QuickRNN, Watch
from seqstudio.records.readings import (
    Floats,
    GradientReading,
    Horizon,
    LayerAttention,
    LayerGradient,
    freeze,
)

# Pairs of row and loss position that a horizon rests on: the cost, whatever the number of rows.
INPUT_LINES = 8
STATE_LINES = 16
# Blocks that do not move anything between time steps, and those that end time for a single loss.
POINTWISE = frozenset({"linear", "activation", "layer_norm", "dropout", "add", "positions"})
ENDS = frozenset({"last_step", "mean_time"})


def recurrent_cells(model: GraphModel) -> dict[tuple[str, int], nn.RNNBase]:
    """Return every single-layer recurrent cell that reads forward, by block id and number."""
    return {
        (node.block, layer): cell
        for node in model.nodes
        for layer, cell in enumerate(_forward_cells(model.module(node.block)))
    }


def _forward_cells(module: nn.Module) -> list[nn.RNNBase]:
    stacks = _inside(module, Recurrent)
    return [cell for stack in stacks for cell in stack.cells if isinstance(cell, nn.RNNBase)]


def _inside(module: nn.Module, kind: type) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, kind)]


def _pair(state: object) -> tuple[Tensor | None, Tensor | None]:
    """Return (h, c) of a cell's state, without the layer axis; None where there is none."""
    parts = state if isinstance(state, tuple) else (state,)
    h, c, *_ = [*(part[0] if isinstance(part, Tensor) else None for part in parts), None]
    return h, c


# ------------------------------------------------------------------ one training step, as it was


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
        h0, c0 = map(take, _pair(seen.start))
        e = None if seen.y.grad is None else take_steps(seen.y.grad)
        e_h, e_c = map(take, _pair(tuple(part.grad for part in seen.last)))
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


# ------------------------------------------------------------------------ probes on a pinned text


@contextmanager
def _at_rest(model: GraphModel) -> Iterator[None]:
    """Switch off dropout, mixed precision and gradients of parameters; put all back afterwards.

    Recurrent cells stay in training mode: cuDNN refuses a backward pass otherwise, and a cell of
    one layer has no dropout.
    """
    training = [(part, part.training) for part in model.modules()]
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    device = next(model.parameters(), torch.empty(0)).device.type
    try:
        for part, _ in training:
            part.training = isinstance(part, nn.RNNBase)
        for parameter in asking:
            parameter.requires_grad_(False)
        with torch.autocast(device, enabled=False), torch.enable_grad():
            yield
    finally:
        for part, flag in training:
            part.training = flag
        for parameter in asking:
            parameter.requires_grad_(True)


def horizons(
    model: GraphModel,
    inputs: Tensor | Inputs,
    targets: Tensor,
    state: State | None = None,
    rows: int | None = None,
) -> tuple[Horizon, ...]:
    """Measure how far the gradient reaches back from a loss, on a pinned text.

    Two kinds of curves. "dl/dh" and "dl/dc": by the states of each recurrent layer from which only
    blocks without memory lead to the head. "dl/demb": by the input vectors, for any architecture,
    so that all can share one axis; left out where the main stream comes in as no such vectors.
    Losses of every step are taken singly at positions spread over the second half of the text, so
    that every distance up to T/2 has all of them behind it; a loss at the end of a sequence lies
    at its last step.

    Args:
        model: Any; its recurrent state and gradients are not touched.
        inputs: Ids (B, T) or vectors (B, T, D), with a source where the model reads one, on the
            model's device; no padding.
        targets: As `GraphModel.losses` takes them, all asked.
        state: Carried recurrent state, None for the start of a text.
        rows: Measure the first rows only; None for all. More rows get fewer loss positions each.
    """
    given, targets = as_inputs(inputs).rows(slice(rows)), targets[:rows]
    carried = _recurrent_state(model, state, slice(rows))
    with _at_rest(model):
        by_state = _state_horizons(model, given, targets, carried)
        return (*by_state, *_input_horizon(model, given, targets, carried))


def _recurrent_state(model: GraphModel, state: State | None, rows: slice | Tensor) -> State | None:
    """Return chosen rows of the recurrent part of a state; rows are its second axis."""
    if state is None:
        return None

    def choose(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach()[:, rows].contiguous()
        return type(value)(choose(item) for item in value)

    carrying = [node.block for node in model.nodes if node.memory == "state"]
    return {block: choose(state[block]) for block in carrying if state.get(block) is not None}


def positions(steps: int, lines: int, rows: int) -> list[int]:
    """Return the steps whose losses are measured in each row, so that about `lines` are in all.

    They are spread over the second half; the last step is always there.
    """
    spread = torch.linspace(steps - 1, steps // 2, max(lines // rows, 1), dtype=torch.float64)
    return sorted({int(k) for k in spread.round()})


def under_head(model: GraphModel) -> list[str]:
    """Return the recurrent blocks from which only pointwise blocks lead to the head.

    Loss k then reads state k of the block's last layer and no other state of it.
    """
    harmless: set[str] = {model.head}
    found = []
    for node in reversed(model.nodes):
        readers = {other.block for other in model.nodes if node.block in other.sources}
        kind = model.graph.blocks[node.block].kind
        if readers <= harmless:
            if kind in POINTWISE | ENDS:
                harmless.add(node.block)
            elif node.memory == "state":
                found.append(node.block)
    return found[::-1]


def last_cells(model: GraphModel) -> dict[str, nn.RNNBase]:
    """Return the last layer of every recurrent block that stands right under the head."""
    under = under_head(model)
    cells = recurrent_cells(model)
    return {block: cell for (block, _), cell in cells.items() if block in under}


@dataclass(frozen=True)
class Local:
    """What the losses send straight to the states of one layer.

    Attributes:
        run: What the layer did; its output is cut off from what came before.
        e: (B, T, N) at step k the gradient of the loss at k by h_k, of all losses by sum.
        single: One loss stands at the end of the sequence.
    """

    run: LayerRun
    e: Tensor
    single: bool


def local_gradients(
    model: GraphModel, inputs: Inputs, targets: Tensor, state: State | None = None
) -> dict[str, Local]:
    """Return the direct gradients of the recurrent layers right under the head, by block.

    Args:
        model: At rest, see `_at_rest`, or a copy that nobody trains.
        inputs: No padding.
        targets: As `GraphModel.losses` takes them.
        state: Carried recurrent state, None for the start of a text.
    """
    runs: dict[str, LayerRun] = {}

    def cut(block: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(cell: nn.Module, args: Any, output: Any) -> Any:
            del cell
            y = output[0].detach().requires_grad_()
            runs[block] = LayerRun(args[0], y, *_pair(args[1] if len(args) > 1 else None))
            return y, output[1]

        return hook

    with ExitStack() as hooks, torch.enable_grad():
        for block, cell in last_cells(model).items():
            hooks.enter_context(_removing(cell.register_forward_hook(cut(block))))
        losses = model.losses(model(inputs, state)[0], targets)
        outputs = [run.h for run in runs.values()]
        found = torch.autograd.grad(losses.sum(), outputs) if outputs else ()
    single = losses.dim() == 1
    return {
        block: Local(run, e, single) for (block, run), e in zip(runs.items(), found, strict=True)
    }


def _state_horizons(
    model: GraphModel, inputs: Inputs, targets: Tensor, state: State | None
) -> list[Horizon]:
    cells = last_cells(model)
    return [
        horizon
        for block, local in local_gradients(model, inputs, targets, state).items()
        for horizon in _cell_horizons(block, cells[block], local)
    ]


@contextmanager
def _removing(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _cell_horizons(block: str, cell: nn.RNNBase, local: Local) -> Iterator[Horizon]:
    weights = CellWeights.from_module(cell, device="cpu")
    run, e, single = local.run, local.e, local.single
    steps = e.shape[1]
    if single and bool(e[:, :-1].any()):  # one loss that reads every state: the total is its item
        targets: Sequence[int] = [steps - 1]
        flow = state_gradients(weights, run, e)
        totals = {"dl/dh": flow.total_h, "dl/dc": flow.total_c}
        maps = {
            name: norm64(total).log10()[:, None]
            for name, total in totals.items()
            if total is not None
        }
    else:
        targets = [steps - 1] if single else positions(steps, STATE_LINES, len(e))
        items = itemised_map(weights, run, e, targets=targets)
        maps = {"dl/dh": items.log10_h}
        if items.log10_c is not None:
            maps["dl/dc"] = items.log10_c
    arch = weights.kind.split("_")[0]
    keep = keeping(weights, run)
    kept = None if keep is None else kept_curve(keep, targets)
    carrier = "dl/dc" if arch == "lstm" else "dl/dh"
    for quantity, log10_norm in maps.items():
        predicted = kept if quantity == carrier else None
        yield _horizon(block, arch, quantity, log10_norm, targets, predicted)


def _input_horizon(
    model: GraphModel, inputs: Inputs, targets: Tensor, state: State | None
) -> tuple[Horizon, ...]:
    if not entries(model):
        return ()
    rows, steps = inputs.main.shape[:2]
    single = model.pattern in {"class", "value"}
    ks = [steps - 1] if single else positions(steps, INPUT_LINES, rows)
    log10_norm = _connectivity(model, inputs, targets, state, ks).log10()
    arch = main_arch(model.graph)
    block = next((n.block for n in model.nodes if _arch(model, n.block) == arch), model.head)
    return (_horizon(block, arch, "dl/demb", log10_norm, ks),)


def _connectivity(
    model: GraphModel,
    inputs: Tensor | Inputs,
    targets: Tensor,
    state: State | None,
    ks: Sequence[int],
) -> Tensor:
    """Return the norm of dl_k/d emb_t (B, K, T) on the CPU; needs `_at_rest`.

    Every row is repeated for each k and scored at step k only: rows of a batch do not interact,
    so one backward pass gives all. A loss at the end has one k and is not indexed.
    """
    given = as_inputs(inputs)
    rows, steps = given.main.shape[:2]
    copies = torch.arange(rows, device=targets.device).repeat_interleave(len(ks))
    losses, leaves = _from_leaves(
        model, given.rows(copies), targets[copies], _recurrent_state(model, state, copies)
    )
    if losses.dim() == 2:
        losses = losses[torch.arange(len(copies)), torch.tensor(ks).repeat(rows)]
    gradients = torch.autograd.grad(losses.sum(), leaves)
    sizes = torch.stack([norm64(gradient.cpu()) for gradient in gradients], -1)
    return norm64(sizes).view(rows, len(ks), steps)


def _arch(model: GraphModel, block: str) -> str:
    return KINDS[model.graph.blocks[block].kind].arch


def entries(model: GraphModel) -> list[str]:
    """Return the blocks that bring the main stream in as vectors (B, T, C); none for pictures.

    They are blocks for vectors, and those that read tokens.
    """
    tokens = {node.block for node in model.nodes if node.kind == "tokens"}
    return [
        node.block
        for node in model.nodes
        if node.kind == "vectors" or (tokens & set(node.sources) and _gives_steps(model, node))
    ]


def _gives_steps(model: GraphModel, node: Node) -> bool:
    shape = model.report.shapes.get((node.block, node.outputs[0].name))
    return shape is not None and shape.kind == "tensor" and shape.dims[1:2] == ("T",)


def _from_leaves(
    model: GraphModel, inputs: Inputs, targets: Tensor, state: State | None
) -> tuple[Tensor, list[Tensor]]:
    """Run the model with the vectors of its input as leaves; return the losses and the leaves."""
    leaves: list[Tensor] = []

    def cut(module: nn.Module, args: Any, output: Any) -> Tensor:
        del module, args
        leaf: Tensor = output.detach().requires_grad_()
        leaves.append(leaf)
        return leaf

    with ExitStack() as hooks:
        for block in entries(model):
            handle = model.module(block).register_forward_hook(cut)
            hooks.enter_context(_removing(handle))
        losses = model.losses(model(inputs, state)[0], targets)
    return losses, leaves


def _horizon(
    block: str,
    arch: str,
    quantity: str,
    log10_norm: Tensor,
    targets: Sequence[int],
    predicted: Tensor | None = None,
) -> Horizon:
    curve = distance_curve(log10_norm, targets)
    plain = distance_curve(log10_norm, targets, normalise=False)
    slope, reach = fit_horizon(curve.median)
    arrays = (curve.low, curve.median, curve.high, curve.count)
    low, median, high, count = (freeze(values.numpy()) for values in arrays)
    raw = freeze(torch.stack([plain.low, plain.median, plain.high]).numpy())
    kept = None if predicted is None else freeze(predicted.numpy())
    distance = freeze(torch.arange(len(median)).numpy())
    return Horizon(
        block, arch, quantity, distance, low, median, high, count, slope, reach, raw, kept
    )


def attention(model: GraphModel, inputs: Tensor | Inputs) -> tuple[LayerAttention, ...]:
    """Return the attention weights of every layer for the first row of `inputs`.

    The weights are computed anew from what each layer received, without dropout; training itself
    never builds them.

    Args:
        model: Any; without attention the result is empty.
        inputs: Ids (B, T), vectors (B, T, D) or pictures, with a source where the model reads
            one, on the model's device.
    """
    layers = [
        (node.block, number, layer)
        for node in model.nodes
        for number, layer in enumerate(_inside(model.module(node.block), SelfAttention))
    ]
    found: dict[SelfAttention, Tensor] = {}

    def keep(layer: SelfAttention, args: tuple[Tensor, ...]) -> None:
        found[layer] = layer.weights(args[0])[0].float().cpu()

    if not layers:
        return ()
    with _at_rest(model), torch.no_grad(), ExitStack() as hooks:
        for _, _, layer in layers:
            hooks.enter_context(_removing(layer.register_forward_pre_hook(keep)))
        model(as_inputs(inputs).rows(slice(1)))
    return tuple(_record(block, number, layer, found[layer]) for block, number, layer in layers)


def _record(block: str, number: int, layer: SelfAttention, weights: Tensor) -> LayerAttention:
    steps = weights.shape[-1]
    seen = torch.ones(steps, steps, dtype=torch.bool)
    if layer.causal:
        seen = layer.visible(steps, steps, seen.device)
    return LayerAttention(block, number, freeze(weights.numpy()), freeze((~seen).numpy()))
