"""Words in a plot: names at the ends of lines, lines of reference, the cursor's read-out box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from seqstudio.studio.plots.frame import Frame, paint_cursor_line, paint_hatch, sharp
from seqstudio.studio.plots.items import Curve, Reference, Region, Threshold, resolve
from seqstudio.studio.plots.scale import spread
from seqstudio.studio.plots.series import FloatArray
from seqstudio.studio.theme import contrast, faded, pen, theme
from seqstudio.studio.widgets.numbers import format_number

LABEL_GAP = 8.0
_LABEL_PITCH = 14.0
_MOST_LABELS = 8
_HANDLE = (10.0, 12.0)
_WALL_HANDLE = (8.0, 24.0)


@dataclass(frozen=True)
class EndLabel:
    """A name at the end of a line, in pixels."""

    name: str
    value: str
    words: bool
    colour: QColor
    end: QPointF
    at: QPointF
    inside: bool

    @property
    def stacked(self) -> bool:
        """Whether words stand below the name: at the right end there is no room beside it."""
        return self.words and not self.inside

    @property
    def value_font(self) -> QFont:
        """Words in the font of ticks, numbers in tabular figures."""
        return theme().font("axis" if self.words else "monoSmall")

    @property
    def text_width(self) -> float:
        """Width of name and value in pixels."""
        name = QFontMetricsF(_semibold()).horizontalAdvance(self.name)
        value = QFontMetricsF(self.value_font).horizontalAdvance(self.value)
        if self.stacked:
            return max(name, value)
        return name + (value + 6 if self.value else 0)

    def box(self) -> QRectF:
        """Return what the label covers."""
        height = label_pitch() + 4
        return QRectF(self.at.x() - 3, self.at.y() - height / 2, self.text_width + 6, height)


def label_pitch() -> float:
    """Return the least distance of two names: 14, more with larger text."""
    return _LABEL_PITCH * max(1.0, theme().scale)


def end_labels(frame: Frame, curves: Sequence[Curve]) -> list[EndLabel]:
    """Return the names of the visible curves, moved apart; none with more than eight lines."""
    named = [curve for curve in curves if curve.visible and curve.label and len(curve.series)]
    if len(named) > _MOST_LABELS:
        return []
    labels = [label for curve in named if (label := _end_label(frame, curve)) is not None]
    moved: list[EndLabel] = []
    for inside in (False, True):
        group = [label for label in labels if label.inside == inside]
        pitch = label_pitch() * (2 if any(label.stacked for label in group) else 1)
        top, bottom = frame.rect.top() + 6, frame.rect.bottom() + 6 - pitch
        places = spread([label.at.y() for label in group], pitch, top, bottom)
        for label, y in zip(group, places, strict=True):
            moved.append(replace(label, at=QPointF(label.at.x(), y)))
    return moved


def _end_label(frame: Frame, curve: Curve) -> EndLabel | None:
    end = _last_inside(frame, curve)
    if end is None:
        return None
    last = curve.series.last()
    number = format_number(last[1], curve.form) if last and curve.show_value else ""
    words = bool(curve.detail)
    value = curve.detail or number
    colour = resolve(curve.paint)
    label = EndLabel(curve.label, value, words, colour, end, end, inside=False)
    room = frame.rect.right() - end.x()
    if room < 4:
        return replace(label, at=QPointF(frame.rect.right() + LABEL_GAP, end.y()))
    leaves = end.y() > frame.rect.bottom() - 12
    width = replace(label, inside=True).text_width
    x = end.x() - width - 8 if leaves else end.x() + 8
    x = min(max(x, frame.rect.left() + 4), frame.rect.right() - width - 4)
    return replace(label, at=QPointF(x, end.y() - (8 if leaves else 0)), inside=True)


_TAIL = 32


def _last_inside(frame: Frame, curve: Curve) -> QPointF | None:
    """Return the last pixel at which a curve is seen."""
    part = curve.series.reduce(frame.x.low, frame.x.high, int(frame.rect.width()))
    for start in (-_TAIL, 0):  # nearly always the curve is seen to its end
        end = _seen_last(frame, part.x[start:], (part.low[start:] + part.high[start:]) / 2)
        if end is not None or len(part.x) <= _TAIL:
            return end
    return None


def _seen_last(frame: Frame, x: FloatArray, y: FloatArray) -> QPointF | None:
    px, py = frame.px(x), frame.py(y)
    rect = frame.rect
    seen = np.isfinite(py) & (py >= rect.top() - 1) & (py <= rect.bottom() + 1)
    seen &= (px >= rect.left() - 1) & (px <= rect.right() + 1)
    where = np.flatnonzero(seen)
    if not where.size:
        return None
    last = int(where[-1])
    return _crossing(frame, px, py, last) or QPointF(px[last], py[last])


def _crossing(frame: Frame, px: FloatArray, py: FloatArray, last: int) -> QPointF | None:
    """Return where the line leaves the frame to the right, None if it ends or leaves elsewhere."""
    right = frame.rect.right()
    if last + 1 >= len(px) or px[last + 1] <= right or not np.isfinite(py[last + 1]):
        return None
    share = (right - px[last]) / (px[last + 1] - px[last])
    return QPointF(right, py[last] + share * (py[last + 1] - py[last]))


def paint_end_labels(painter: QPainter, labels: Sequence[EndLabel]) -> None:
    """Paint names in their colour with the value beside them, and a leader where moved."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(faded(theme().color("surface0"), 0.8))
    for label in labels:
        if label.inside:
            painter.drawRoundedRect(label.box(), 4, 4)
    for label in labels:
        beside = label.at.x() < label.end.x()  # a leader would strike the name through
        if abs(label.at.y() - label.end.y()) > 2 and not beside:
            painter.setPen(pen(faded(label.colour, 0.7)))
            painter.drawLine(label.end, label.at + QPointF(-3, 0))
        _paint_end_label(painter, label)


def _paint_end_label(painter: QPainter, label: EndLabel) -> None:
    painter.setFont(_semibold())
    metrics = QFontMetricsF(painter.font())
    base = label.at.y() + metrics.capHeight() / 2
    readable = contrast(label.colour, theme().color("surface0")) >= 4.5
    painter.setPen(label.colour if readable else theme().color("textHi"))
    painter.drawText(QPointF(label.at.x(), base), label.name)
    beside = label.at.x() + metrics.horizontalAdvance(label.name) + 6
    place = QPointF(label.at.x(), base + label_pitch()) if label.stacked else QPointF(beside, base)
    painter.setFont(label.value_font)
    painter.setPen(theme().color("textMid"))
    painter.drawText(place, label.value)


def paint_legend(painter: QPainter, frame: Frame, curves: Sequence[Curve]) -> None:
    """Paint a legend at top right; only for more than eight named lines."""
    named = [curve for curve in curves if curve.visible and curve.label and len(curve.series)]
    if len(named) <= _MOST_LABELS:
        return
    painter.setFont(theme().font("axis"))
    metrics = painter.fontMetrics()
    width = max(metrics.horizontalAdvance(curve.label) for curve in named) + 26
    x, y = frame.rect.right() - width, frame.rect.top() + 8
    for curve in named:
        painter.setPen(pen(resolve(curve.paint), curve.width, curve.dash))
        painter.drawLine(QPointF(x, y), QPointF(x + 18, y))
        painter.setPen(theme().color("textMid"))
        painter.drawText(QPointF(x + 24, y + metrics.ascent() / 2 - 1), curve.label)
        y += metrics.height() + 2


def paint_reference(
    painter: QPainter, frame: Frame, reference: Reference, taken: Sequence[QRectF] = ()
) -> None:
    """Paint a floor (round dots, named where nothing is `taken`) or a zero line."""
    y = sharp(float(frame.py(reference.value)))
    rect = frame.rect
    if not rect.top() <= y <= rect.bottom():
        return
    floor = pen(theme().color("textHi"), 1.25, theme().dash("floor"))
    painter.setPen(floor if reference.floor else pen(theme().color("zeroLine")))
    painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))
    if not reference.label:
        return
    painter.setFont(_medium_small())
    width = painter.fontMetrics().horizontalAdvance(reference.label) + 8
    back = _free_place(rect, y, width, taken)
    painter.fillRect(back, faded(theme().color("surface0"), 0.75))
    painter.setPen(theme().color("textHi"))
    painter.drawText(back, Qt.AlignmentFlag.AlignCenter, reference.label)


def _free_place(rect: QRectF, y: float, width: float, taken: Sequence[QRectF]) -> QRectF:
    """Return a place at a line for its name: right before left, below before above."""
    tries = [
        QRectF(x, top, width, 16.0)
        for x in (rect.right() - width - 4, rect.left() + 4, rect.center().x() - width / 2)
        for top in (y + 2, y - 18)
    ]
    inside = [place for place in tries if rect.contains(place)]
    free = [place for place in inside if not any(place.intersects(other) for other in taken)]
    return (free or inside or tries)[0]


def paint_region(painter: QPainter, frame: Frame, region: Region) -> None:
    """Hatch a part of the x axis and say what it is."""
    left = max(frame.rect.left(), float(frame.px(region.low)))
    right = min(frame.rect.right(), float(frame.px(region.high)))
    if right <= left:
        return
    rect = QRectF(left, frame.rect.top(), right - left, frame.rect.height())
    paint_hatch(painter, rect)
    _paint_region_words(painter, rect, region.label)


def _paint_region_words(painter: QPainter, rect: QRectF, words: str) -> None:
    if not words:
        return
    painter.setFont(theme().font("axis"))
    room = rect.adjusted(10, 8, -8, -8)
    if room.width() < 40:
        return
    wrap = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
    back = painter.boundingRect(room, wrap, words)
    if not room.contains(back):
        return
    painter.fillRect(back.adjusted(-4, -2, 4, 2), theme().color("surface0"))
    painter.setPen(theme().color("textMid"))
    painter.drawText(back, wrap, words)


def threshold_handle(frame: Frame, threshold: Threshold) -> QRectF:
    """Return the handle of a threshold: at the right end of a line, in the middle of a wall."""
    if threshold.axis == "y":
        y = float(frame.py(threshold.value))
        width, height = _HANDLE
        return QRectF(frame.rect.right() - width, y - height / 2, width, height)
    x = float(frame.px(threshold.value))
    width, height = _WALL_HANDLE
    return QRectF(x - width / 2, frame.rect.center().y() - height / 2, width, height)


def paint_threshold(painter: QPainter, frame: Frame, threshold: Threshold, focus: bool) -> None:
    """Paint a line that can be dragged, its handle and its words."""
    rect, colour = frame.rect, resolve(threshold.paint)
    handle = threshold_handle(frame, threshold)
    centre = handle.center()
    if threshold.axis == "y":
        if not rect.top() <= centre.y() <= rect.bottom():
            return
        painter.setPen(pen(colour, 1.5))
        painter.drawLine(QPointF(rect.left(), centre.y()), QPointF(rect.right(), centre.y()))
    else:
        if threshold.hatch:
            region = Region(threshold.value, frame.x.high, threshold_text(threshold))
            paint_region(painter, frame, region)
        if not rect.left() <= centre.x() <= rect.right():
            return
        painter.setPen(pen(colour, 2.0))
        painter.drawLine(QPointF(centre.x(), rect.top()), QPointF(centre.x(), rect.bottom()))
    if threshold.movable:
        edge = theme().color("focus" if focus else "surface0")
        painter.setPen(pen(edge, 2.0 if focus else 1.0))
        painter.setBrush(colour)
        painter.drawRoundedRect(handle, 3, 3)
    if threshold.axis == "y":
        _paint_threshold_text(painter, frame, threshold, centre.y())


def threshold_text(threshold: Threshold) -> str:
    """Return the words of a threshold: a label that ends in a space is followed by the value."""
    if threshold.label.endswith(" "):
        return threshold.label + format_number(threshold.value, threshold.form)
    return threshold.label


def _paint_threshold_text(painter: QPainter, frame: Frame, threshold: Threshold, y: float) -> None:
    painter.setFont(_medium_small())
    colour = resolve(threshold.paint)
    readable = contrast(colour, theme().color("surface0")) >= 4.5
    painter.setPen(colour if readable else theme().color("textHi"))
    base = y + QFontMetricsF(painter.font()).capHeight() / 2
    text = threshold_text(threshold)
    painter.drawText(QPointF(frame.rect.right() + LABEL_GAP, base), text)


@dataclass(frozen=True)
class ReadOut:
    """The cursor's box: a title, and per line a colour, a name and a value."""

    title: str
    rows: tuple[tuple[Curve | None, str, str], ...]
    note: str = ""
    note_tone: str = "textMid"


def paint_cursor(
    painter: QPainter, frame: Frame, x: float, curves: Sequence[Curve], axis_text: str
) -> None:
    """Paint the cursor, a disc on every line that it crosses, and the chip on the axis."""
    px = sharp(float(frame.px(x)))
    rect = frame.rect
    if not rect.left() - 0.5 <= px <= rect.right() + 0.5:
        return
    paint_cursor_line(painter, QPointF(px, rect.top()), QPointF(px, rect.bottom()))
    for curve in curves:
        told = curve.visible and curve.line and curve.read_out
        value = curve.series.at(x) if told else float("nan")
        last = curve.series.last()
        py = float(frame.py(value))
        if last is None or x > last[0] or not rect.top() <= py <= rect.bottom():
            continue
        painter.setPen(pen(theme().color("surface0"), 1.5))
        painter.setBrush(resolve(curve.paint))
        painter.drawEllipse(QPointF(px, py), 3.5, 3.5)
    _paint_chip(painter, frame, px, axis_text)


def chip_rect(frame: Frame, px: float, text: str) -> QRectF:
    """Return where the cursor's place is written on the axis."""
    metrics = QFontMetricsF(theme().font("axis"))
    width = metrics.horizontalAdvance(text) + 12
    return QRectF(px - width / 2, frame.rect.bottom() + 4, width, metrics.height() + 4)


def _paint_chip(painter: QPainter, frame: Frame, px: float, text: str) -> None:
    painter.setFont(theme().font("axis"))
    chip = chip_rect(frame, px, text)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("surface3"))
    painter.drawRoundedRect(chip, 4, 4)
    painter.setPen(theme().color("textHi"))
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)


def paint_read_out(painter: QPainter, frame: Frame, x: float, box: ReadOut) -> None:
    """Paint the read-out on the emptier side of the cursor."""
    row_height = float(theme().line_height("small") + 2)
    size = _read_out_size(box, row_height)
    px = float(frame.px(x))
    right_side = px + 14 + size[0] <= frame.rect.right() or px < frame.rect.center().x()
    left = px + 14 if right_side else px - 14 - size[0]
    card = QRectF(left, frame.rect.top() + 10, *size)
    painter.setPen(pen(theme().color("lineStrong")))
    painter.setBrush(theme().color("surface3"))
    painter.drawRoundedRect(card, theme().radius("toolTip"), theme().radius("toolTip"))
    y = card.top() + 6
    painter.setFont(_semibold())
    painter.setPen(theme().color("textHi"))
    _row_text(painter, card, y, row_height, box.title, left=True)
    for curve, name, value in box.rows:
        y += row_height
        _paint_read_out_row(painter, card, y, row_height, (curve, name, value))
    if box.note:
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color(box.note_tone))
        _row_text(painter, card, y + row_height, row_height, box.note, left=True)


def _read_out_size(box: ReadOut, row_height: float) -> tuple[float, float]:
    small = QFontMetricsF(theme().font("small"))
    mono = QFontMetricsF(theme().font("mono"))
    title = QFontMetricsF(_semibold()).horizontalAdvance(box.title)
    rows = [
        26 + small.horizontalAdvance(name) + 18 + mono.horizontalAdvance(value)
        for _, name, value in box.rows
    ]
    width = max([title, small.horizontalAdvance(box.note), *rows]) + 24
    lines = 1 + len(box.rows) + bool(box.note)
    return width, 12 + lines * row_height


def _paint_read_out_row(
    painter: QPainter,
    card: QRectF,
    y: float,
    height: float,
    row: tuple[Curve | None, str, str],
) -> None:
    curve, name, value = row
    if curve is not None:
        middle = y + height / 2
        painter.setPen(pen(resolve(curve.paint), max(1.5, curve.width), curve.dash))
        painter.drawLine(QPointF(card.left() + 12, middle), QPointF(card.left() + 30, middle))
    painter.setFont(theme().font("small"))
    painter.setPen(theme().color("textMid"))
    _row_text(painter, card.adjusted(26, 0, 0, 0), y, height, name, left=True)
    painter.setFont(theme().font("mono"))
    painter.setPen(theme().color("textHi"))
    _row_text(painter, card, y, height, value, left=False)


def _row_text(
    painter: QPainter, card: QRectF, y: float, height: float, text: str, *, left: bool
) -> None:
    side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
    box = QRectF(card.left() + 12, y, card.width() - 24, height)
    painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)


def _semibold() -> QFont:
    font = theme().font("small")
    font.setWeight(QFont.Weight.DemiBold)
    return font


def _medium_small() -> QFont:
    font = theme().font("small")
    font.setWeight(QFont.Weight.Medium)
    return font
