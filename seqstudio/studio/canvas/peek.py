"""What flows on a wire: a card with shape, numbers and a small picture, from one real batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPoint, QPointF, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.blocks.check import Problem
from seqstudio.blocks.declaration import DataFacts, Shape
from seqstudio.records.peek import Peeked, PeekFailed
from seqstudio.studio.plots.maps import rgba_image
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.theme.model import Quantity
from seqstudio.studio.widgets.numbers import format_number
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView
    from seqstudio.studio.session import Session

AGAIN_MS = 1000
_PAD, _LINE = 12.0, 18.0
_WIDTH, _MAP_HIGH, _AXIS = 296.0, 112.0, 16.0
_BAR = 8.0
_TOKEN_LINES = 4
_NOT_FINITE = "not finite"
_WAITING = "One batch is on its way through…"


class PeekCard(QWidget):
    """A card beside the pointer that tells what travels on a wire.

    Attributes:
        values: What it shows now beside the shape, None while that is still to come.
        failure: Why nothing flows, None when something does.
        waiting: Somebody was asked what flows and has not answered yet.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._canvas = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.values: Peeked | None = None
        self.failure: PeekFailed | None = None
        self.waiting = False
        self._head: tuple[str, ...] = ()
        self._at = QPoint()
        self.hide()
        follow_theme(self)

    def tell(self, lines: tuple[str, ...], at: QPoint) -> None:
        """Show what the check knows near a point of the parent; values follow."""
        self._head, self._at = lines, at
        self.values = self.failure = None
        self.waiting = False
        self._settle()
        self.show()
        self.raise_()

    def wait(self) -> None:
        """Say that the values are on their way, as long as there are none."""
        self.waiting = self.values is None and self.failure is None
        self._settle()

    def tell_values(self, told: Peeked | PeekFailed) -> None:
        """Show what flows, or why nothing does."""
        self.values = told if isinstance(told, Peeked) else None
        self.failure = told if isinstance(told, PeekFailed) else None
        self.waiting = False
        self._settle()

    def words(self) -> tuple[str, ...]:
        """Return all lines of the card, from the top."""
        if self.failure is not None:
            return (*self._head, self.failure.what, self.failure.why, self.failure.hint)
        if self.values is None:
            return (*self._head, _WAITING) if self.waiting else self._head
        shape = " · ".join(f"{n} {s:,}" for n, s in _dims(self.values))
        told = (shape, *(f"{a} {b}" for a, b in _numbers(self.values)), *_weights(self.values))
        return (*told, *self._head[1:])

    @Slot()
    def restyle(self) -> None:
        """Take the font from the theme in force."""
        self._settle()

    def _settle(self) -> None:
        """Take the size of what is told, inside the edges of the canvas."""
        paper = _Paper(None, self)
        paper.paint()
        self.resize(int(_WIDTH * _scale()), int(paper.y + _PAD))
        free = self._canvas.rect().adjusted(8, 8, -8 - self.width(), -8 - self.height())
        place = self._at + QPoint(16, 16)
        if place.y() > free.bottom():  # above the pointer rather than under it
            place.setY(self._at.y() - 16 - self.height())
        x = max(free.left(), min(place.x(), free.right()))
        self.move(x, max(free.top(), min(place.y(), free.bottom())))
        self.setAccessibleName(". ".join(self.words()))
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("lineStrong"), 1.0))
            painter.setBrush(theme().color("surface3"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
            _Paper(painter, self).paint()

    @property
    def head(self) -> tuple[str, ...]:
        """What the check knows: shape, format, gradient."""
        return self._head


class _Paper:
    """Lays a card out from the top; without a painter it only measures."""

    def __init__(self, painter: QPainter | None, card: PeekCard) -> None:
        self._painter = painter
        self._card = card
        self._wide = _WIDTH * _scale() - 2 * _PAD
        self.y = _PAD - 2

    def paint(self) -> None:
        """Paint everything there is to tell."""
        told, failure = self._card.values, self._card.failure
        if told is None:
            for number, line in enumerate(self._card.head):
                self._line(line, "mono" if number == 0 else "small", "textHi" if not number else
                           "textMid")  # fmt: skip
        if self._card.waiting:
            self._line(_WAITING, "small", "textLow")
        if failure is not None:
            self._line(failure.what, "small", "error")
            self._wrapped(" ".join(part for part in (failure.why, failure.hint) if part))
        if told is not None:
            self._values(told)

    def _values(self, told: Peeked) -> None:
        self._dims(told)
        self._pairs(_numbers(told))
        if told.look == "tokens":
            self._tokens(told.tokens)
        elif told.picture.size:
            self._picture(told)
        for line in self._card.head[2:]:
            self._line(line, "small", "textMid")
        self._wrapped(", ".join((*_weights(told), *([told.note] if told.note else []))))

    @property
    def _masked(self) -> bool:
        """Whether infinite numbers are meant: scores that a mask has taken out."""
        return self._card.values is not None and self._card.values.look == "matrix"

    def _text(self, x: float, text: str, font: str, token: str) -> float:
        """Put text at the current line; return where it ends."""
        metrics = QFontMetricsF(theme().font(font))
        if self._painter is not None:
            self._painter.setFont(theme().font(font))
            self._painter.setPen(theme().color(token))
            base = self.y + (_LINE * _scale() + metrics.capHeight()) / 2
            self._painter.drawText(QPointF(x, base), text)
        return x + metrics.horizontalAdvance(text)

    def _line(self, text: str, font: str, token: str) -> None:
        self._text(_PAD, text, font, token)
        self.y += _LINE * _scale()

    def _wrapped(self, text: str) -> None:
        metrics = QFontMetricsF(theme().font("axis"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        room = QRectF(_PAD, self.y + 2, self._wide, 200)
        high = metrics.boundingRect(room, flags, text).height()
        if self._painter is not None:
            self._painter.setFont(theme().font("axis"))
            self._painter.setPen(theme().color("textMid"))
            self._painter.drawText(room, flags, text)
        self.y += high + 2

    def _dims(self, told: Peeked) -> None:
        """Write the shape, names quiet and sizes loud, and the number format at the right."""
        x = _PAD
        for place, (name, size) in enumerate(_dims(told)):
            x = self._text(x, " · " if place else "", "mono", "textLow")
            x = self._text(x, f"{name} ", "mono", "textLow")
            x = self._text(x, f"{size:,}", "mono", "textHi")
        metrics = QFontMetricsF(theme().font("monoSmall"))
        right = _PAD + self._wide - metrics.horizontalAdvance(told.dtype)
        if right > x + 8:
            self._text(right, told.dtype, "monoSmall", "textLow")
        self.y += _LINE * _scale() + 4

    def _pairs(self, pairs: list[tuple[str, str]]) -> None:
        """Write names and numbers in two columns."""
        half = self._wide / 2
        for place, (name, number) in enumerate(pairs):
            left = _PAD + (place % 2) * half
            bad = name == _NOT_FINITE and not self._masked
            x = self._text(left, name, "small", "error" if bad else "textMid")
            metrics = QFontMetricsF(theme().font("monoSmall"))
            end = left + half - (12 if place % 2 == 0 else 0)
            x = max(x + 6, end - metrics.horizontalAdvance(number))
            self._text(x, number, "monoSmall", "textHi")
            if place % 2 or place == len(pairs) - 1:
                self.y += _LINE * _scale()
        self.y += 6

    def _tokens(self, tokens: tuple[str, ...]) -> None:
        """Write the symbols that flow, in boxes, a few lines of them."""
        font = theme().font("monoSmall")
        metrics, x, line, gap = QFontMetricsF(font), _PAD, 0, 3.0
        for token in tokens:
            text = "␣" if token == " " else shown_text(token)
            wide = metrics.horizontalAdvance(text) + 8
            if x + wide > _PAD + self._wide:
                x, line = _PAD, line + 1
                self.y += 22 * _scale()
                if line == _TOKEN_LINES:
                    self._line("…", "small", "textLow")
                    return
            if self._painter is not None:
                box = QRectF(x, self.y, wide, 19 * _scale())
                self._painter.setPen(Qt.PenStyle.NoPen)
                self._painter.setBrush(theme().role_header("input"))
                self._painter.drawRoundedRect(box, 3, 3)
                self._painter.setFont(font)
                self._painter.setPen(theme().color("textHi"))
                self._painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
            x += wide + gap
        self.y += 26 * _scale()

    def _picture(self, told: Peeked) -> None:
        """Paint the small picture with its axes and the range of its colours."""
        image, low, high = picture_of(told)
        wide, tall = self._size(told)
        place = QRectF(_PAD + (_AXIS if told.look != "picture" else 0), self.y, wide, tall)
        if self._painter is not None:
            self._painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            self._painter.fillRect(place, theme().color("surface0"))
            self._painter.drawImage(place, image)
            self._bar(told, place, low, high)
            if told.look != "picture":
                self._axes(told, place)
        self.y += tall + (_AXIS if told.look != "picture" else 0) + 6

    def _size(self, told: Peeked) -> tuple[float, float]:
        """Return width and height of the picture: square cells for matrices and pictures."""
        rows, columns = told.picture.shape[-2:]
        most = self._wide - _AXIS - 52 * _scale()
        if told.look in ("matrix", "picture"):
            side = min(_MAP_HIGH * 1.25, most)
            share = rows / max(1, columns)
            return (side / max(1.0, share), side * min(1.0, share))
        least = 8.0 if told.look == "rows" else 4.0
        return most, min(_MAP_HIGH, max(32.0, least * rows))

    def _bar(self, told: Peeked, place: QRectF, low: float, high: float) -> None:
        """Paint the colour bar with its ends."""
        assert self._painter is not None
        bar = QRectF(place.right() + 8, place.top(), _BAR, place.height())
        if told.look == "picture" and len(told.picture) >= 3:
            return
        table = theme().lookup(quantity_of(told))[::-1, None]
        self._painter.drawImage(bar, rgba_image(np.ascontiguousarray(table)))
        self._painter.setFont(theme().font("axis"))
        self._painter.setPen(theme().color("textLow"))
        cap = QFontMetricsF(theme().font("axis")).capHeight()
        x = bar.right() + 5
        self._painter.drawText(QPointF(x, bar.top() + cap), format_number(high, ".3g"))
        self._painter.drawText(QPointF(x, bar.bottom()), format_number(low, ".3g"))

    def _axes(self, told: Peeked, place: QRectF) -> None:
        """Name the two axes."""
        assert self._painter is not None
        down, across = axes_of(told)
        self._painter.setFont(theme().font("axis"))
        self._painter.setPen(theme().color("textLow"))
        base = QRectF(place.left(), place.bottom(), place.width(), _AXIS)
        self._painter.drawText(base, Qt.AlignmentFlag.AlignRight, f"{across} →")
        self._painter.save()
        self._painter.translate(_PAD, place.bottom())
        self._painter.rotate(-90)
        side = QRectF(0, 0, place.height(), _AXIS)
        self._painter.drawText(side, Qt.AlignmentFlag.AlignRight, f"← {down}")
        self._painter.restore()


def _scale() -> float:
    return max(1.0, theme().scale)


def _dims(told: Peeked) -> list[tuple[str, int]]:
    return list(zip(told.names, told.sizes, strict=True))


def _weights(told: Peeked) -> tuple[str, ...]:
    return (told.weights,) if told.weights else ()


def _numbers(told: Peeked) -> list[tuple[str, str]]:
    """Return what is worth knowing of the numbers, by name."""
    if told.look == "tokens":
        return [("lowest", f"{told.low:,.0f}"), ("highest", f"{told.high:,.0f}")]
    pairs = [
        ("mean", _number(told.mean)),
        ("spread", _number(told.spread)),
        ("min", _number(told.low)),
        ("max", _number(told.high)),
        ("zeros", _share(told.zeros)),
    ]
    if told.bad:
        pairs.append((_NOT_FINITE, _share(told.bad)))
    return pairs


def _number(value: float) -> str:
    return format_number(value, "sci" if value and abs(value) < 1e-3 else ".3f")


def _share(share: float) -> str:
    percent = share * 100
    return "0 %" if not percent else "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"


def axes_of(told: Peeked) -> tuple[str, str]:
    """Return what runs down and what runs across a picture."""
    if told.look == "matrix":
        return "query", "key"
    if told.look == "rows":
        return "row" if told.names[:1] == ("B",) else "layer", "feature"
    return "feature", "time"


def quantity_of(told: Peeked) -> Quantity:
    """Return the colour map that is honest for the numbers: around zero, or from zero on."""
    if told.look == "matrix" and told.low >= 0:
        return "attention"
    if told.low < 0:
        return "signed"
    return "probability" if told.high <= 1 else "waterfall"


def picture_of(told: Peeked) -> tuple[QImage, float, float]:
    """Return the picture of a peek and the numbers at both ends of its colours.

    Numbers of both signs have zero in the middle; others begin at zero.
    """
    values = np.asarray(told.picture, np.float64)
    if told.look == "picture" and len(values) >= 3:
        return _colours(values[:3]), 0.0, 1.0
    plane = values[0] if told.look == "picture" else values
    finite = plane[np.isfinite(plane)]
    top = float(np.abs(finite).max()) if finite.size else 1.0
    top = top or 1.0
    low = -top if told.low < 0 else 0.0
    return rgba_image(_painted(plane, low, top, quantity_of(told))), low, top


def _painted(
    plane: NDArray[np.float64], low: float, high: float, quantity: Quantity
) -> NDArray[np.uint8]:
    table = theme().lookup(quantity)
    share = (np.nan_to_num(plane, nan=low) - low) / (high - low)
    pixels = table[np.clip(np.rint(share * 255), 0, 255).astype(np.uint8)]
    pixels[~np.isfinite(plane)] = 0
    return np.ascontiguousarray(pixels)


def _colours(planes: NDArray[np.float64]) -> QImage:
    low, high = float(planes.min()), float(planes.max())
    share = (planes - low) / ((high - low) or 1.0)
    pixels = np.full((*planes.shape[1:], 4), 255, np.uint8)
    pixels[..., :3] = np.rint(share.transpose(1, 2, 0) * 255)
    return rgba_image(np.ascontiguousarray(pixels))


def shape_in_full(shape: Shape, facts: DataFacts) -> str:
    """Return a shape with the sizes of its open dimensions: "B 32 · T 128 · C 64"."""
    parts = []
    for dim in shape.dims:
        name = dim if isinstance(dim, str) else "C"
        size = facts.batch if dim == "B" else facts.size(dim)
        parts.append(name if dim == "P" else f"{name} {size:,}")
    return " · ".join(parts)


def known_lines(shape: Shape | None, facts: DataFacts, gradient: float | None) -> tuple[str, ...]:
    """Return what the check knows of a wire without running anything."""
    lines = ["shape not known yet"]
    if shape is not None:
        what = "whole numbers, int64" if shape.kind == "ids" else "float32"
        lines = [shape_in_full(shape, facts), what]
    if gradient is not None:
        norm = "no gradient" if math.isinf(gradient) else f"gradient 10^{gradient:.1f}"
        lines.append(norm.replace("-", "−"))
    return tuple(lines)


class PeekDesk(QObject):
    """Joins the card of a canvas with the session that can tell what flows.

    While a run goes on and the card stays open, it asks again every second.
    """

    def __init__(self, view: CanvasView, session: Session) -> None:
        super().__init__(view)
        self._view = view
        self._session = session
        self._asked: tuple[tuple[str, ...], str, str] | None = None
        self._again = QTimer(self)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self._ask_again)
        view.peek_wanted.connect(self._ask)
        session.peeked.connect(self._told)

    @property
    def _card(self) -> PeekCard:
        return self._view.mouse.peek

    @Slot(str, str)
    def _ask(self, block: str, port: str) -> None:
        self._asked = self._view.editor.place.path, block, port
        self._session.peek(self._view.editor.place.whole, *self._asked)
        self._card.wait()
        self._again.start()

    @Slot()
    def _ask_again(self) -> None:
        if not self._card.isVisible() or self._asked is None:
            self._again.stop()
        elif self._session.state == "running":
            self._session.peek(self._view.editor.place.whole, *self._asked)

    @Slot(object)
    def _told(self, answer: object) -> None:
        assert isinstance(answer, (Peeked, PeekFailed))
        shown = self._card.isVisible() and self._asked is not None
        if isinstance(answer, PeekFailed) and answer.block and self._is_fault(answer):
            where = answer.path
            fault = Problem(answer.block, "", answer.what, answer.why, answer.hint, path=where)
            self._view.editor.tell_fault(fault)
        if shown:
            self._card.tell_values(answer)
            self._card.show()  # a canvas that is drawn anew takes it away

    def _is_fault(self, answer: PeekFailed) -> bool:
        """Tell an exception of a model from a graph that the check already refuses."""
        return self._view.report.playable and answer.path == self._view.editor.place.path
