"""`TwoBars`: the same choices with two probabilities each, before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import format_number
from seqstudio.studio.widgets.token_lines import shown_text

_INSET = 16.0
_NUMBERS = 132.0


class TwoBars(QWidget):
    """A line a choice: a thin bar for before, a full one for after, both numbers at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices: tuple[str, ...] = ()
        self._before: NDArray[np.float64] = np.zeros(0)
        self._after: NDArray[np.float64] = np.zeros(0)
        self._title = ""
        self.setAccessibleName("Output before and after")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_data(
        self, choices: Sequence[str], before: ArrayLike, after: ArrayLike, title: str
    ) -> None:
        """Show N choices with probabilities (N,) before and after."""
        self._choices, self._title = tuple(choices), title
        self._before, self._after = np.asarray(before, float), np.asarray(after, float)
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(360, int((len(self._choices) + 1) * self._pitch() + 8))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, int(5 * self._pitch()))

    def _pitch(self) -> float:
        return float(theme().line_height("mono"))

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours of the theme in force."""
        self.updateGeometry()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_head(painter)
            room = int((self.height() - self._pitch()) // self._pitch())
            for row in range(min(room, len(self._choices))):
                self._paint_row(painter, row)

    def _paint_head(self, painter: QPainter) -> None:
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textMid"))
        line = QRectF(_INSET, 0, self.width() - 2 * _INSET, self._pitch())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, self._title)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, "before → after")

    def _paint_row(self, painter: QPainter, row: int) -> None:
        line = QRectF(_INSET, (row + 1) * self._pitch(), self.width() - 2 * _INSET, self._pitch())
        painter.setFont(theme().font("mono"))
        metrics, middle = painter.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        widest = max(
            (metrics.horizontalAdvance(_shown(text)) for text in self._choices), default=0
        )
        painter.setPen(theme().color("textHi"))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, _shown(self._choices[row]))
        numbers = f"{_number(self._before[row])} → {_number(self._after[row])}"
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, numbers)
        track = line.adjusted(widest + 10.0, 4, -_NUMBERS, -4)
        painter.setPen(Qt.PenStyle.NoPen)
        role = theme().role("output")
        painter.setBrush(faded(role, 0.4))
        width = track.width() * float(self._before[row])
        painter.drawRect(QRectF(track.left(), track.top(), width, track.height()))
        painter.setBrush(faded(role, 1.0))
        width, third = track.width() * float(self._after[row]), track.height() / 3
        painter.drawRect(QRectF(track.left(), track.top() + third, width, third))


def _shown(text: str) -> str:
    return "␣" if text == " " else shown_text(text)


def _number(p: float) -> str:
    return format_number(float(p), ".3f")
