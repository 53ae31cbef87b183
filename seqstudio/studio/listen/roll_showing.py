"""`Showing`: what a roll paints of a gesture that is not over yet."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QRectF

from seqstudio.music.score import Note


class Showing(Protocol):
    """What will be when the button is let go.

    Attributes:
        lifted: Numbers of the notes that are not painted where they are.
        ghosts: Notes as they will be.
        band: Rectangle that gathers notes, None without.
        moved: Whether the pointer has left the place of the press.
    """

    lifted: frozenset[int]
    ghosts: tuple[Note, ...]
    band: QRectF | None
    moved: bool
