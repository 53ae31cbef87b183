"""Arrays to pictures of a colour map: fixed levels, nearest neighbour, largest-value reduction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from seqstudio.studio.theme.model import Quantity

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
    free_RC = np.where(masked_RC, np.nan, values_RC)
    blocks = _blocks(free_RC, rows, columns, np.nan)
    high, low = np.fmax.reduce(blocks, axis=2), np.fmin.reduce(blocks, axis=2)
    signed = bool(np.any(free_RC < 0)) and bool(np.any(free_RC > 0))
    largest: Values = np.asarray(high, float)
    if signed:
        largest = np.asarray(np.where(np.abs(low) > np.abs(high), low, high), float)
    hidden: Mask = np.asarray(_blocks(masked_RC, rows, columns, True).all(axis=2), bool)
    return Pooled(largest, hidden, rows, columns)


def _blocks(array: NDArray, rows: int, columns: int, fill: float | bool) -> NDArray:  # type: ignore[type-arg]
    """Return blocks as the last axis, shape (r, c, rows × columns)."""
    count_r, count_c = array.shape
    padded = np.pad(
        array,
        ((0, -count_r % rows), (0, -count_c % columns)),
        constant_values=fill,
    )
    r, c = padded.shape[0] // rows, padded.shape[1] // columns
    return padded.reshape(r, rows, c, columns).swapaxes(1, 2).reshape(r, c, rows * columns)


def coloured(
    values_RC: Values,
    hidden_RC: Mask,
    levels: tuple[float, float],
    table: NDArray[np.uint8],
) -> QImage:
    """Return one pixel a cell; hidden and undefined cells are transparent.

    Args:
        values_RC: Shape (R, C).
        hidden_RC: Shape (R, C), cells to leave out.
        levels: Values of the first and the last colour.
        table: Colours (256, 4), RGBA.
    """
    low, high = levels
    unknown_RC = ~np.isfinite(values_RC)
    share = (np.where(unknown_RC, low, values_RC) - low) / (high - low)
    pixels = table[np.clip(np.rint(share * 255), 0, 255).astype(np.uint8)]
    pixels[hidden_RC | unknown_RC] = 0
    return rgba_image(pixels)


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
