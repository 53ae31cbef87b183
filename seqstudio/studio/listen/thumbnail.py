"""`Thumbnail`: a small picture of the notes of a take, with a playhead where one is set."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.listen.takes import Take
from seqstudio.studio.theme import follow_theme, painting, theme

MOST_NOTES = 2_000
_LEAST_SPAN = 12  # semitones: a tune on two notes is no cliff


class Thumbnail(QWidget):
    """Notes as bars over time; a click tells the place.

    Signals:
        place_picked(float): beats under a click.

    Args:
        size: Width and height that are wished for.
        fixed: Whether only the width grows.
        pickable: Whether a click tells the place; else it goes to the parent.
    """

    place_picked = Signal(float)

    def __init__(
        self, size: tuple[int, int] = (110, 30), *, fixed: bool = True, pickable: bool = False,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._take: Take | None = None
        self._beats = 0.0
        self._head: float | None = None
        self._size, self._pickable = QSize(*size), pickable
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Expanding, policy.Fixed if fixed else policy.Expanding)
        follow_theme(self)

    def set_take(self, take: Take | None, beats: float = 0.0) -> None:
        """Show a take; `beats` is the length of the time axis, 0 for that of the take."""
        self._take, self._beats = take, beats
        self.update()

    def set_head(self, beats: float | None) -> None:
        """Put the playhead to a place, None for none."""
        if beats != self._head:
            self._head = beats
            self.update()

    @property
    def span_beats(self) -> float:
        """Length of the time axis."""
        own = float(self._take.score.end_beats) if self._take else 0.0
        return max(self._beats or own, 1.0)

    @override
    def sizeHint(self) -> QSize:
        return self._size

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(40, self._size.height())

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        room = self._room()
        if self._pickable and event.button() == Qt.MouseButton.LeftButton:
            share = (event.position().x() - room.left()) / max(room.width(), 1.0)
            self.place_picked.emit(min(1.0, max(0.0, share)) * self.span_beats)
        else:
            event.ignore()

    def _room(self) -> QRectF:
        return QRectF(self.rect()).adjusted(4, 4, -4, -4)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if self._take is not None:
                paint_notes(painter, self._room(), self._take, self.span_beats)
            if self._head is not None:
                x = self._room().left() + self._room().width() * self._head / self.span_beats
                painter.fillRect(QRectF(x - 0.75, 0, 1.5, self.height()), theme().color("cursor"))


def paint_notes(painter: QPainter, room: QRectF, take: Take, span_beats: float) -> None:
    """Paint the notes of a take: written ones in the colour of outputs, given ones of inputs."""
    notes = take.score.notes[:MOST_NOTES]
    if not notes:
        return
    pitches = [note.pitch for note in notes]
    lowest, spread = min(pitches), max(max(pitches) - min(pitches), _LEAST_SPAN)
    height = max(1.6, min(4.0, room.height() / (spread + 1)))
    painter.setPen(Qt.PenStyle.NoPen)
    written, given = theme().role("output"), theme().role("input")
    for note, chance in zip(notes, take.chances, strict=False):
        x = room.left() + room.width() * float(note.start) / span_beats
        width = max(1.6, room.width() * float(note.length) / span_beats - 0.6)
        y = room.bottom() - height - (room.height() - height) * (note.pitch - lowest) / spread
        painter.setBrush(given if math.isnan(chance) else written)
        painter.drawRoundedRect(QRectF(x, y, width, height), 1, 1)
