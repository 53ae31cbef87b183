"""What the colour of a note says: how sure the model was, how loud, which track, what it thought.

Shape legend: N notes of a take.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QBrush, QColor

from seqstudio.studio.listen.note_table import NoteTable
from seqstudio.studio.theme import faded, theme
from seqstudio.studio.theme.model import Quantity

Values = NDArray[np.float64]
#: By what notes are coloured: (key, name for people).
MODES = (
    ("probability", "Probability"),
    ("velocity", "Velocity"),
    ("track", "Track"),
    ("unit", "Unit"),
    ("gradient", "Gradient"),
    ("attention", "Attention"),
)
FAINTEST = 0.38
#: Colours of tracks in their order; the names beside them say the same.
TRACK_ROLES = ("output", "input", "features", "cell", "loss", "query", "gradient", "value")
_STEPS = 256


@dataclass(frozen=True)
class Scale:
    """What the ends of a colour scale stand for.

    Attributes:
        quantity: Colour map, see `Theme.lookup`.
        low: Value at the left end.
        high: Value at the right end.
        words: What is measured, in full.
        unit: The same in a word, beside the scale.
    """

    quantity: Quantity
    low: float
    high: float
    words: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Shades:
    """The colours of the notes of a take.

    Attributes:
        brushes: Colours that occur.
        place_N: Which of them each note has; -1 where nothing is known of it.
        outlined: Whether notes need an outline: one end of the scale is the ground.
        scale: What the colours mean, None where they are no scale.
    """

    brushes: tuple[QBrush, ...]
    place_N: NDArray[np.intp]
    outlined: bool = False
    scale: Scale | None = None


def by_probability(table: NoteTable, chance_N: Values) -> Shades:
    """Colour notes as solid as the model was sure: output, other voices input, given ones plain.

    Args:
        table: The notes.
        chance_N: (N,) probability of each note, NaN where it was given.
    """
    given = np.isnan(chance_N)
    step = np.rint(np.nan_to_num(chance_N) * (_STEPS - 1)).astype(np.intp)
    place = np.where(table.voice_N == 0, step, step + _STEPS)
    return Shades(_chance_brushes(*_theme_key()), np.where(given, 2 * _STEPS, place))


def by_velocity(table: NoteTable) -> Shades:
    """Colour notes by how loud they are."""
    place = np.rint(table.velocity_N / 127 * (_STEPS - 1)).astype(np.intp)
    return Shades(
        map_brushes("waterfall"), place, True, Scale("waterfall", 0, 127, "velocity", "velocity")
    )


def by_track(table: NoteTable) -> Shades:
    """Colour notes by their track."""
    brushes = tuple(QBrush(theme().role(role)) for role in TRACK_ROLES)
    return Shades(brushes, (table.voice_N % len(TRACK_ROLES)).astype(np.intp))


def by_values(value_N: Values, scale: Scale) -> Shades:
    """Colour notes by a number of each, NaN where nothing is known."""
    span = max(scale.high - scale.low, 1e-12)
    share = np.clip((value_N - scale.low) / span, 0.0, 1.0)
    place = np.rint(np.nan_to_num(share) * (_STEPS - 1)).astype(np.intp)
    place[np.isnan(value_N)] = -1
    return Shades(map_brushes(scale.quantity), place, True, scale)


def track_colour(voice: int) -> QColor:
    """Return the colour of a track."""
    return theme().role(TRACK_ROLES[voice % len(TRACK_ROLES)])


def map_brushes(quantity: Quantity) -> tuple[QBrush, ...]:
    """Return the colours of a map, low to high."""
    return _map_brushes(quantity, *_theme_key())


def _theme_key() -> tuple[str, bool]:
    return theme().name, theme().safe


@lru_cache(maxsize=16)
def _map_brushes(quantity: Quantity, _name: str, _safe: bool) -> tuple[QBrush, ...]:
    rows = theme().lookup(quantity)
    return tuple(QBrush(QColor(*(int(part) for part in row))) for row in rows)


@lru_cache(maxsize=8)
def _chance_brushes(_name: str, _safe: bool) -> tuple[QBrush, ...]:
    """Return output and input from faint to solid, and what was given at the end."""
    solid = [FAINTEST + (1 - FAINTEST) * step / (_STEPS - 1) for step in range(_STEPS)]
    colours = [faded(theme().role(role), share) for role in ("output", "input") for share in solid]
    return tuple(QBrush(colour) for colour in (*colours, theme().role("input")))
