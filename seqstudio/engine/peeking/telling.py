"""What is told of a value on a wire: statistics, a small picture, tokens.

Shape legend: B rows, T time steps, C features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqstudio.blocks.declaration import DataFacts, Shape
from seqstudio.engine.inputs import Inputs
from seqstudio.records.peek import Look, PeekAt, Peeked

if TYPE_CHECKING:
    from seqstudio.engine.peeking.batch_pass import BatchPass

if TYPE_CHECKING:
    pass

WIDE, HIGH = 128, 64  # numbers of a picture at most
MOST_TOKENS = 64


def told(
    wish: PeekAt, run: BatchPass, value: Any, shape: Shape | None, notes: list[str]
) -> Peeked:
    """Return a value as it is told.

    Args:
        wish: Which port was asked about.
        run: The pass that it is from.
        value: A tensor, or a state made of some.
        shape: What the check says of it; None where it says nothing.
        notes: Words to put in front of how the picture was made.
    """
    parts = [part.detach() for part in _tensors(value)]
    first = parts[0]
    real = [_without_padding(part, shape, run.inputs) for part in parts]
    mean, spread, low, high, zeros, bad = statistics(real)
    names = _names(shape, first)
    tokens = _tokens(first, shape, run) if _is_ids(first) else ()
    look, picture, how = _picture(parts, shape, names, run.inputs)
    return Peeked(
        request=wish.request,
        path=wish.path,
        block=wish.block,
        port=wish.port,
        weights=run.words,
        names=names,
        sizes=_sizes(first, names, run.facts),
        dtype=str(first.dtype).removeprefix("torch."),
        mean=mean,
        spread=spread,
        low=low,
        high=high,
        zeros=zeros,
        bad=bad,
        look=look,
        picture=picture,
        tokens=tokens,
        note=", ".join([*notes, f"{'shown' if tokens else 'picture'}: {how}"] if how else notes),
    )


def statistics(parts: Sequence[Tensor]) -> tuple[float, float, float, float, float, float]:
    """Return mean, spread, least, greatest, share of zeros, share of NaN and infinite numbers.

    The first four are those of the finite numbers, NaN when there are none.
    """
    x = np.concatenate([part.float().cpu().numpy().ravel() for part in parts])
    finite = x[np.isfinite(x)]
    total = max(1, x.size)
    zeros, bad = float((x == 0).sum()) / total, 1.0 - finite.size / total
    if not finite.size:
        return math.nan, math.nan, math.nan, math.nan, zeros, bad
    mean, spread = float(finite.mean(dtype=np.float64)), float(finite.std(dtype=np.float64))
    return mean, spread, float(finite.min()), float(finite.max()), zeros, bad


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors of a value: one, or all of a state."""
    if isinstance(value, Tensor):
        return [value]
    children = value.values() if isinstance(value, Mapping) else value or ()
    return [tensor for child in children for tensor in _tensors(child)]


def _is_ids(x: Tensor) -> bool:
    return not x.is_floating_point()


def _true_lengths(shape: Shape | None, inputs: Inputs) -> Tensor | None:
    if shape is None or len(shape.dims) < 2 or shape.dims[1] not in ("T", "S"):
        return None
    return inputs.lengths if shape.dims[1] == "T" else inputs.source_lengths


def _without_padding(x: Tensor, shape: Shape | None, inputs: Inputs) -> Tensor:
    """Return the numbers of the true steps only."""
    lengths = _true_lengths(shape, inputs)
    if lengths is None or x.dim() < 2:
        return x
    steps = torch.arange(x.shape[1])
    return x.cpu()[steps < lengths.cpu()[:, None]]


def _names(shape: Shape | None, x: Tensor) -> tuple[str, ...]:
    """Return a name a dimension; where the declaration has a number, what it counts."""
    if shape is None or shape.kind == "state" or len(shape.dims) != x.dim():
        return {3: ("layer", "B", "C"), 2: ("B", "C")}.get(x.dim(), ("",) * x.dim())
    if shape.kind == "picture":
        return ("B", "C", "H", "W")
    last = len(shape.dims) - 1
    return tuple(
        _name(dim) if isinstance(dim, str) else "C" if place == last else "H"
        for place, dim in enumerate(shape.dims)
    )


def _name(dim: str) -> str:
    """Return the name of an axis without its size: "36P" is P."""
    return dim.lstrip("0123456789") if dim.endswith("P") and "+" not in dim else dim


def _sizes(x: Tensor, names: tuple[str, ...], facts: DataFacts) -> tuple[int, ...]:
    """Return the sizes in training: all rows of a batch, not the few that were measured."""
    return tuple(
        facts.batch if name == "B" else size for name, size in zip(names, x.shape, strict=True)
    )


def _tokens(x: Tensor, shape: Shape | None, run: BatchPass) -> tuple[str, ...]:
    """Return the symbols of the first row."""
    data = run.dataset
    from_source = shape is not None and shape.axis == "S"
    words = data.source_vocabulary if from_source else data.vocabulary
    lengths = _true_lengths(shape, run.inputs)
    row = x[0].flatten()[: MOST_TOKENS if lengths is None else int(lengths[0])][:MOST_TOKENS]
    return tuple(words.symbols[int(i)] if words else str(int(i)) for i in row.cpu())


def _picture(
    parts: Sequence[Tensor], shape: Shape | None, names: tuple[str, ...], inputs: Inputs
) -> tuple[Look, NDArray[np.float32], str]:
    """Return how to draw it, the numbers, and what was left out."""
    x = parts[0].float().cpu()
    if _is_ids(parts[0]):
        return "tokens", np.empty((0, 0), np.float32), "first row"
    if shape is not None and shape.kind == "picture":
        image = x[0].numpy()
        skip = max(1, -(-max(image.shape[1:]) // WIDE))
        return "picture", np.ascontiguousarray(image[:, ::skip, ::skip]), "first row"
    if len(parts) > 1 or (shape is not None and shape.kind == "state"):
        rows = [part.float().cpu().reshape(-1, *part.shape[-2:])[:, 0] for part in parts]
        same = [row for row in rows if row.shape[-1] == rows[0].shape[-1]]
        return "rows", *_small(torch.cat(same).numpy(), "first row")
    lengths = _true_lengths(shape, inputs)
    if x.dim() == 2:
        return "rows", *_small(x.numpy(), "")
    row, how = x[0][: None if lengths is None else int(lengths[0])], "first row"
    while row.dim() > 2:
        row, how = row[0], f"{how}, first of {row.shape[0]}"
    if len(names) > 2 and all(name[-1:] in {"T", "S", "P"} for name in names[-2:]):
        return "matrix", *_small(row.numpy(), how, WIDE)
    return "map", *_small(row.numpy().T, how)


def _small(
    values: NDArray[np.float32], how: str, high: int = HIGH
) -> tuple[NDArray[np.float32], str]:
    """Return a map of at most `high` times `WIDE` cells: the strongest number of each patch."""
    tall, wide = (-(-size // most) for size, most in zip(values.shape, (high, WIDE), strict=True))
    if tall <= 1 and wide <= 1:
        return np.ascontiguousarray(values, np.float32), how
    padding = [(0, -values.shape[0] % tall), (0, -values.shape[1] % wide)]
    full = np.pad(values, padding, mode="edge")
    patches = full.reshape(full.shape[0] // tall, tall, full.shape[1] // wide, wide)
    flat = patches.transpose(0, 2, 1, 3).reshape(patches.shape[0], patches.shape[2], -1)
    strongest = np.abs(np.nan_to_num(flat)).argmax(-1)[..., None]
    small = np.take_along_axis(flat, strongest, -1)[..., 0].astype(np.float32)
    words = f"strongest of every {tall} × {wide}"
    return np.ascontiguousarray(small), f"{how}, {words}" if how else words
