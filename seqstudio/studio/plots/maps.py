"""Arrays to pictures of a colour map: fixed levels, nearest neighbour, largest-value reduction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from seqstudio.studio.theme.model import Quantity

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
_PIECE = 12_288


@dataclass(frozen=True)
class Pooled:
    """A map reduced for display.

    Attributes:
        values: Shape (r, c), NaN where a block has no number.
        masked: Shape (r, c), where every cell of a block is masked.
        rows: Cells of the map in one row of the reduction.
        columns: Cells in one column.
    """

    values: Values
    masked: Mask
    rows: int = 1
    columns: int = 1


def pool(values_RC: Values, masked_RC: Mask, most_rows: int, most_columns: int) -> Pooled:
    """Reduce a map (R, C) to at most so many rows and columns, keeping the largest magnitude.

    Means would hide the single bright cell that a reader looks for. Masked cells never win over
    others.
    """
    count_r, count_c = values_RC.shape
    rows = max(1, -(-count_r // max(1, most_rows)))
    columns = max(1, -(-count_c // max(1, most_columns)))
    if rows == columns == 1:
        return Pooled(values_RC, masked_RC)
    signed = bool((values_RC < 0).any()) and bool((values_RC > 0).any())
    small = (-(-count_r // rows), -(-count_c // columns))
    largest, hidden = np.empty(small), np.zeros(small, bool)
    # Some rows at a time, see `coloured`.
    stride = max(1, _PIECE // max(1, rows * count_c))
    for start in range(0, small[0], stride):
        part, cells = slice(start, start + stride), slice(start * rows, (start + stride) * rows)
        largest[part], hidden[part] = _pooled(
            values_RC[cells], masked_RC[cells], (rows, columns), signed
        )
    return Pooled(largest, hidden, rows, columns)


def _pooled(
    values: Values, masked: Mask, block: tuple[int, int], signed: bool
) -> tuple[Values, Mask | bool]:
    hides = bool(masked.any())
    free = np.where(masked, np.nan, values) if hides else values
    views = _views(free, *block, np.nan)
    largest: Values = reduce(np.fmax, views)
    if signed:
        low = reduce(np.fmin, views)
        largest = np.where(np.abs(low) > np.abs(largest), low, largest)
    hidden = reduce(np.logical_and, _views(masked, *block, True)) if hides else False
    return largest, hidden


def _views(array: Any, rows: int, columns: int, fill: float | bool) -> list[Any]:
    """Return each cell of the blocks as a matrix (r, c) of its own.

    Strided views: reducing axes as short as a block is ten times slower.
    """
    spare = (-array.shape[0] % rows, -array.shape[1] % columns)
    if any(spare):
        array = np.pad(array, ((0, spare[0]), (0, spare[1])), constant_values=fill)
    return [array[r::rows, c::columns] for r in range(rows) for c in range(columns)]


def coloured(
    values_RC: Values,
    hidden_RC: Mask,
    levels: tuple[float, float],
    table: NDArray[np.uint8],
    undefined: int = 0,
) -> QImage:
    """Return one pixel a cell; hidden cells are transparent.

    Args:
        values_RC: Shape (R, C).
        hidden_RC: Shape (R, C), cells to leave out.
        levels: Values of the first and the last colour.
        table: Colours (256, 4), RGBA.
        undefined: Colour of cells without a number, as 0xAARRGGBB; 0 leaves them transparent.
    """
    rows, columns = values_RC.shape
    image = QImage(columns, rows, QImage.Format.Format_ARGB32_Premultiplied)
    pixels = np.frombuffer(image.bits(), np.uint32).reshape(rows, columns)
    colours = _packed(table)
    # Some rows at a time: arrays that stay small come from memory that is there already, and
    # fresh memory costs more here than arithmetic does.
    stride = max(1, _PIECE // max(1, columns))
    for start in range(0, rows, stride):
        part = slice(start, start + stride)
        _colour(pixels[part], values_RC[part], levels, colours, undefined)
        np.copyto(pixels[part], np.uint32(0), where=hidden_RC[part])
    return image


def _colour(
    pixels: NDArray[np.uint32],
    values: Values,
    levels: tuple[float, float],
    colours: NDArray[np.uint32],
    undefined: int,
) -> None:
    low, high = levels
    share = values.astype(np.float32)
    share -= np.float32(low)
    share *= np.float32(255.0 / (high - low))
    share += np.float32(0.5)
    known = np.isfinite(share)
    gaps = not known.all()
    if gaps:
        share[~known] = 0.0
    np.clip(share, 0.0, 255.0, out=share)
    np.take(colours, share.astype(np.uint8), out=pixels, mode="clip")
    if gaps:
        pixels[~known] = undefined


def _packed(table: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return RGBA colours (256, 4) as premultiplied 0xAARRGGBB (256,)."""
    alpha = table[:, 3].astype(np.uint32)
    r, g, b = (table[:, part].astype(np.uint32) * alpha // 255 for part in range(3))
    return np.asarray((alpha << 24) | (r << 16) | (g << 8) | b, np.uint32)


def rgba_image(pixels: NDArray[np.uint8]) -> QImage:
    """Return an image of its own from an array (R, C, 4)."""
    rows, columns = pixels.shape[:2]
    packed = np.ascontiguousarray(pixels)
    image = QImage(packed.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
    return image.copy()  # the array goes, the picture stays


def map_image(
    values_RC: Values,
    quantity: Quantity,
    levels: tuple[float, float],
    masked_RC: Mask | None = None,
    most: int = 512,
) -> QImage:
    """Return a picture of a map for a thumbnail, one pixel a cell, at most `most` a side.

    Masked and undefined cells are transparent, so that the well shows through.
    """
    from seqstudio.studio.theme import theme

    masked = np.zeros(values_RC.shape, bool) if masked_RC is None else masked_RC
    small = pool(np.asarray(values_RC, float), masked, most, most)
    return coloured(small.values, small.masked, levels, theme().lookup(quantity))
