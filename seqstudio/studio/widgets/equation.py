"""`EquationView`: typeset formulas, one a line, on the colour of wells.

Typesetting takes 20 to 200 ms a formula the first time, so it happens in one worker thread; until
then the line shows its LaTeX in the fixed font. Everything typeset is kept for the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.background import Background
from seqstudio.studio.theme import EquationError, equation_svg, follow_theme, painting, theme

_INSET = 12
_LINE_GAP = 8
_ONE_AT_A_TIME = Lock()  # the typesetter keeps its settings in its module


def _typeset(latex: str, px: float, colour: str) -> bytes:
    """Typeset one formula; b"" when it is not LaTeX that the typesetter knows."""
    with _ONE_AT_A_TIME:
        try:
            return equation_svg(latex, px, colour)
        except EquationError:
            return b""


class EquationView(QWidget):
    """Formulas left-aligned under each other; too wide ones are scaled down to fit."""

    def __init__(self, latex: Sequence[str] = (), *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._latex: tuple[str, ...] = tuple(latex)
        self._drawn: dict[tuple[str, float, str], bytes] = {}
        self._background = Background(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    def set_equations(self, latex: Sequence[str]) -> None:
        """Show other formulas, LaTeX without dollar signs."""
        self._latex = tuple(latex)
        self._order()

    @Slot()
    def restyle(self) -> None:
        """Typeset in the colour and size of the theme in force."""
        self._order()

    def _key(self, latex: str) -> tuple[str, float, str]:
        return latex, 15 * theme().scale, theme().color("textHi").name()

    def _order(self) -> None:
        for latex in self._latex:
            key = self._key(latex)
            if key not in self._drawn:
                self._background.submit(partial(_typeset, *key), partial(self._take, key))
        self.setAccessibleName("; ".join(self._latex))
        self.updateGeometry()
        self.update()

    def _take(self, key: tuple[str, float, str], svg: bytes) -> None:
        self._drawn[key] = svg
        self.updateGeometry()
        self.update()

    def _line_sizes(self) -> list[QSize]:
        plain = QSize(40, theme().line_height("mono") + 4)
        sizes = []
        for latex in self._latex:
            svg = self._drawn.get(self._key(latex))
            sizes.append(QSvgRenderer(QByteArray(svg)).defaultSize() if svg else plain)
        return sizes

    @override
    def sizeHint(self) -> QSize:
        sizes = self._line_sizes()
        heights = sum(size.height() + _LINE_GAP for size in sizes)
        widest = max((size.width() for size in sizes), default=0)
        return QSize(widest + 2 * _INSET, heights + 2 * _INSET - _LINE_GAP)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("surface0"))
            radius = theme().radius("button")
            painter.drawRoundedRect(self.rect(), radius, radius)
            top = float(_INSET)
            for latex, size in zip(self._latex, self._line_sizes(), strict=True):
                self._paint_line(painter, latex, size, top)
                top += size.height() + _LINE_GAP

    def _paint_line(self, painter: QPainter, latex: str, size: QSize, top: float) -> None:
        svg = self._drawn.get(self._key(latex))
        room = self.width() - 2 * _INSET
        if svg:
            shrink = min(1.0, room / max(1, size.width()))
            target = QRectF(_INSET, top, size.width() * shrink, size.height() * shrink)
            QSvgRenderer(QByteArray(svg)).render(painter, target)
            return
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textLow"))
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(latex, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(_INSET, top + metrics.ascent()), shown)
