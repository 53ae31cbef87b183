"""How far back a loss reaches in a pinned text: totals, local gradients, inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import main_arch
from seqstudio.blocks.plan import Node
from seqstudio.engine.cell_steps import keeping
from seqstudio.engine.gradflow import (
    CellWeights,
    LayerRun,
    distance_curve,
    fit_horizon,
    itemised_map,
    kept_curve,
    norm64,
    state_gradients,
)
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.model import GraphModel, State
from seqstudio.engine.probes.recurrent import pair, recurrent_cells
from seqstudio.engine.probes.rest import at_rest, removing
from seqstudio.records.readings import (
    Horizon,
    freeze,
)

# Pairs of row and loss position that a horizon rests on: the cost, whatever the number of rows.
INPUT_LINES = 8
STATE_LINES = 16
# Blocks that do not move anything between time steps, and those that end time for a single loss.
POINTWISE = frozenset({"linear", "activation", "layer_norm", "dropout", "add", "positions"})
ENDS = frozenset({"last_step", "mean_time"})


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
    with at_rest(model):
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
        model: At rest, see `at_rest`, or a copy that nobody trains.
        inputs: No padding.
        targets: As `GraphModel.losses` takes them.
        state: Carried recurrent state, None for the start of a text.
    """
    runs: dict[str, LayerRun] = {}

    def cut(block: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(cell: nn.Module, args: Any, output: Any) -> Any:
            del cell
            y = output[0].detach().requires_grad_()
            runs[block] = LayerRun(args[0], y, *pair(args[1] if len(args) > 1 else None))
            return y, output[1]

        return hook

    with ExitStack() as hooks, torch.enable_grad():
        for block, cell in last_cells(model).items():
            hooks.enter_context(removing(cell.register_forward_hook(cut(block))))
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
    """Return the norm of dl_k/d emb_t (B, K, T) on the CPU; needs `at_rest`.

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
            hooks.enter_context(removing(handle))
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
