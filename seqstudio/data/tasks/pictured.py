"""What tasks on single pictures share: how a picture is read, moved a little, and drawn by hand.

Shape legend: B = pictures, C = channels, H = height, W = width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Pictures = NDArray[np.float32]

Reading = Literal["picture", "rows", "pixels"]
_INK = 0.2
_TURN, _GROW, _SLANT, _SHIFT = 0.15, 0.1, 0.15, 0.08


@dataclass(frozen=True)
class Look:
    """How the things of some pictures lie in them, so that a drawn one can be laid the same way.

    Attributes:
        frame: C, H and W.
        reading: Whole, row by row from the top, or pixel by pixel line by line.
        paper: Shade of the empty background, 0 to 1.
        ink: Shade of what is drawn at its strongest.
        extent: Longer side of a thing as a share of the picture's; 0 where things lie anywhere
            in any size and a drawing stays where it was drawn.
    """

    frame: tuple[int, int, int]
    reading: Reading
    paper: float = 0.0
    ink: float = 1.0
    extent: float = 0.0

    @property
    def dims(self) -> tuple[int, ...]:
        """Shape of one example as a model reads it: (C, H, W), (H, C W) or (H W, C)."""
        channels, height, width = self.frame
        shapes = {
            "picture": (channels, height, width),
            "rows": (height, channels * width),
            "pixels": (height * width, channels),
        }
        return shapes[self.reading]

    def read(self, pictures: Pictures) -> Pictures:
        """Return pictures (B, C, H, W) as a model reads them."""
        if self.reading == "picture":
            return pictures
        lines = pictures.transpose(0, 2, 3, 1)  # (B, H, W, C)
        if self.reading == "rows":
            lines = lines.transpose(0, 1, 3, 2)
        return np.ascontiguousarray(lines).reshape(len(pictures), *self.dims)

    def whole(self, inputs: Pictures) -> Pictures:
        """Return the pictures (B, C, H, W) of what a model reads: the way back from `read`."""
        channels, height, width = self.frame
        if self.reading == "picture":
            return inputs
        if self.reading == "rows":
            lines = inputs.reshape(-1, height, channels, width)
            return np.ascontiguousarray(lines.transpose(0, 2, 1, 3))
        lines = inputs.reshape(-1, height, width, channels)
        return np.ascontiguousarray(lines.transpose(0, 3, 1, 2))

    def draw(self, ink: Floats) -> Pictures:
        """Return a drawing as one of these pictures (C, H, W): centred, in their size and shades.

        Args:
            ink: (H', W') how much ink lies at each place of a large canvas, 0 to 1.
        """
        channels, height, width = self.frame
        laid = _placed(ink, self.extent) if self.extent else ink
        cover = shrink(laid, height, width)
        most = float(cover.max(initial=0.0))
        cover = cover / most if self.extent and most > 0 else cover
        shades = self.paper + (self.ink - self.paper) * cover
        return np.repeat(np.clip(shades, 0, 1)[None], channels, 0).astype(np.float32)


def look_of(pictures: NDArray[np.uint8], reading: Reading, *, centred: bool) -> Look:
    """Find out how the things of pictures (N, C, H, W) lie in them.

    Args:
        pictures: 0 to 255.
        reading: How they are to be read.
        centred: Whether things lie in the middle in one size.
    """
    some = pictures[:2000].mean(1, dtype=np.float64) / 255
    border = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], 1)
    paper = float(np.median(border))
    paper = float(round(paper)) if min(paper, 1 - paper) < 0.1 else paper
    away = np.abs(some - paper)
    dark = float(np.median(away.max((1, 2))))
    ink = paper + dark if paper < 0.5 else paper - dark
    extent = float(np.median(_extents(away > _INK * max(dark, 1e-6)))) if centred else 0.0
    _, channels, height, width = pictures.shape
    return Look((channels, height, width), reading, paper, float(np.clip(ink, 0, 1)), extent)


def _extents(inked: NDArray[np.bool_]) -> Floats:
    """Return the longer side (N,) of the box around the ink of each, as a share of the picture."""
    sides = []
    for axis in (1, 2):
        line: NDArray[np.bool_] = np.any(inked, axis=3 - axis)
        first = line.argmax(1)
        last = line.shape[1] - 1 - line[:, ::-1].argmax(1)
        sides.append(np.where(line.any(1), last - first + 1, 0) / line.shape[1])
    result: Floats = np.maximum(sides[0], sides[1])
    return result


def _placed(ink: Floats, extent: float) -> Floats:
    """Cut the box around the ink and lay it into the middle of a square of the right size."""
    rows, columns = np.flatnonzero(ink.max(1) > _INK), np.flatnonzero(ink.max(0) > _INK)
    if not len(rows):
        return ink
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(box.shape[0], box.shape[1], round(max(box.shape) / extent))
    square = np.zeros((side, side))
    top, left = (side - box.shape[0]) // 2, (side - box.shape[1]) // 2
    square[top : top + box.shape[0], left : left + box.shape[1]] = box
    return square


def shrink(picture: Floats, height: int, width: int) -> Floats:
    """Return the means (height, width) over the area of each new pixel."""
    by_rows = _overlaps(picture.shape[0], height)
    by_columns = _overlaps(picture.shape[1], width)
    result: Floats = by_rows @ picture @ by_columns.T
    return result


def _overlaps(old: int, new: int) -> Floats:
    """Return (new, old): which share of a new pixel each old one covers."""
    edges = np.linspace(0, old, new + 1)
    starts = np.arange(old)
    low = np.maximum(edges[:-1, None], starts)
    high = np.minimum(edges[1:, None], starts + 1)
    result: Floats = np.clip(high - low, 0, None) * new / old
    return result


def moved(pictures: Pictures, rng: np.random.Generator, amount: float, paper: float) -> Pictures:
    """Return pictures (B, C, H, W) each shifted, turned, slanted and scaled a little at random.

    Args:
        pictures: 0 to 1.
        rng: Where chance comes from.
        amount: 0 for not at all, 1 for about 8 % of the side and 9 degrees.
        paper: Shade that comes in from outside.
    """
    if amount <= 0:
        return pictures
    rows, _, height, width = pictures.shape
    y, x = _sources(rng, rows, height, width, amount)
    return _sampled(pictures, y, x, paper)


def _sources(
    rng: np.random.Generator, rows: int, height: int, width: int, amount: float
) -> tuple[Floats, Floats]:
    """Return where the pixels of each row come from: y and x, (B, H W)."""
    turn, slant = rng.normal(0, amount * np.array([[_TURN], [_SLANT]]), (2, rows))
    grow = np.exp(rng.normal(0, amount * _GROW, (2, rows)))
    shift = rng.uniform(-1, 1, (2, rows)) * amount * _SHIFT * max(height, width)
    v, u = np.mgrid[:height, :width].reshape(2, 1, -1).astype(float)
    v, u = v - (height - 1) / 2, u - (width - 1) / 2
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    y = (cos * v - sin * u) * grow[0][:, None] + shift[0][:, None] + (height - 1) / 2
    x = (sin * v + cos * u + slant[:, None] * v) * grow[1][:, None] + shift[1][:, None]
    return y, x + (width - 1) / 2


def _sampled(pictures: Pictures, y: Floats, x: Floats, paper: float) -> Pictures:
    """Return pictures sampled at places (B, H W) between their pixels."""
    rows, channels, height, width = pictures.shape
    wide = np.full((rows, channels, height + 2, width + 2), paper, np.float32)
    wide[:, :, 1:-1, 1:-1] = pictures
    y, x = np.clip(y + 1, 0, height + 0.999), np.clip(x + 1, 0, width + 0.999)
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = (y - top)[:, None].astype(np.float32), (x - left)[:, None].astype(np.float32)
    flat = wide.reshape(rows, channels, -1)

    def at(dy: int, dx: int) -> Pictures:
        places = (top + dy) * (width + 2) + left + dx
        return np.take_along_axis(flat, places[:, None], 2)

    upper = at(0, 0) * (1 - right) + at(0, 1) * right
    lower = at(1, 0) * (1 - right) + at(1, 1) * right
    mixed = upper * (1 - down) + lower * down
    return mixed.reshape(pictures.shape).astype(np.float32)
