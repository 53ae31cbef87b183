"""`AnswersView` and `OutlookView`: predictions that are not the next token."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QStackedWidget, QWidget
from typing_extensions import override

from seqstudio.records.inside.predictions import Answers, Outlook
from seqstudio.studio.plots import HeatMap, Plot
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

_INSET, _BAR = 16.0, 8.0
MOST_LINES = 6


class AnswersView(QScrollArea):
    """Held-out sequences with the probabilities of their classes, or value and truth."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = _AnswerRows()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(self.rows)

    def set_answers(self, answers: Answers) -> None:
        """Show other answers."""
        self.rows.set_answers(answers)


class _AnswerRows(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.answers: Answers | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Answers to held-out examples")
        follow_theme(self)

    def set_answers(self, answers: Answers) -> None:
        self.answers = answers
        self.updateGeometry()
        self.update()

    def _pitch(self) -> float:
        return theme().line_height("mono") + theme().line_height("small") + _BAR + 26.0

    @override
    def sizeHint(self) -> QSize:
        count = len(self.answers.examples) if self.answers else 0
        return QSize(320, round(count * self._pitch() + 12))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    @Slot()
    def restyle(self) -> None:
        self.updateGeometry()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            if self.answers is None:
                return
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for row in range(len(self.answers.examples)):
                self._paint_row(painter, row, self.answers)

    def _paint_row(self, painter: QPainter, row: int, answers: Answers) -> None:
        top = 12 + row * self._pitch()
        line = QRectF(_INSET, top, self.width() - 2 * _INSET, theme().line_height("mono"))
        painter.setFont(theme().font("mono"))
        painter.setPen(theme().color("textHi"))
        text = painter.fontMetrics().elidedText(
            answers.examples[row], Qt.TextElideMode.ElideMiddle, int(line.width())
        )
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        below = QRectF(line.left(), line.bottom() + 4, line.width(), _BAR)
        if answers.classes:
            self._paint_classes(painter, below, row, answers)
        else:
            self._paint_value(painter, below, row, answers)

    def _paint_classes(self, painter: QPainter, bar: QRectF, row: int, answers: Answers) -> None:
        """Paint a bar of the shares; the true class is bright, and told below with the rest."""
        true, p, x = int(answers.truth[row]), answers.answers[row], bar.left()
        role = theme().role("output")
        for number, share in enumerate(p):
            part = QRectF(x, bar.top(), max(0.0, bar.width() * float(share) - 1), bar.height())
            painter.fillRect(part, role if number == true else faded(role, 0.25))
            x += bar.width() * float(share)
        order = np.argsort(-p, kind="stable")
        right = int(order[0]) == true
        told = " · ".join(f"{answers.classes[int(i)]} {p[int(i)]:.2f}" for i in order[:5])
        verdict = "right" if right else f"wrong, true: {answers.classes[true]} {p[true]:.2f}"
        self._paint_below(painter, bar, f"{told}   {verdict}", right)

    def _paint_value(self, painter: QPainter, bar: QRectF, row: int, answers: Answers) -> None:
        """Paint prediction and truth as two ticks on one scale for all examples."""
        told, true = float(answers.answers[row, 0]), float(answers.truth[row])
        both = np.concatenate([answers.answers[:, 0], answers.truth])
        low, high = float(both.min()), float(both.max())
        span = max(high - low, 1e-9)
        painter.fillRect(bar.adjusted(0, 3, 0, -3), theme().color("surface3"))
        for value, colour in ((true, theme().color("textHi")), (told, theme().role("output"))):
            x = bar.left() + 2 + (bar.width() - 4) * (value - low) / span
            painter.fillRect(QRectF(x - 2, bar.top() - 1, 4, bar.height() + 2), colour)
        error = format_number(told - true, ".3f")
        self._paint_below(painter, bar, f"predicted {told:.3f} · true {true:.3f} · error {error}",
                          None)  # fmt: skip

    def _paint_below(self, painter: QPainter, bar: QRectF, words: str, right: bool | None) -> None:
        painter.setFont(theme().font("small"))
        tone = "textMid" if right is not False else "warn"
        painter.setPen(theme().color(tone))
        line = QRectF(bar.left(), bar.bottom() + 4, bar.width(), theme().line_height("small"))
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight,
                                                 int(line.width()))  # fmt: skip
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


class OutlookView(QStackedWidget):
    """The next values of a series with their spread, or the probabilities of the next notes.

    Signals:
        picked(int): step that was clicked.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = Plot(x_title="sequence time t", y_title="next value", x_symbol="t")
        self.notes = _Notes()
        self.addWidget(self.plot)
        self.addWidget(self.notes)
        self.plot.picked.connect(self._plot_picked)
        self.notes.heat.picked.connect(self._note_picked)

    def set_outlook(self, outlook: Outlook) -> None:
        """Show another example."""
        self.setCurrentWidget(self.notes if outlook.notes else self.plot)
        if outlook.notes:
            self.notes.set_outlook(outlook)
        else:
            self._show_series(outlook)

    def _show_series(self, outlook: Outlook) -> None:
        self.plot.clear()
        steps = np.arange(len(outlook.expected))
        for number, name in enumerate(outlook.names[:MOST_LINES]):
            mean, spread = outlook.expected[:, number], outlook.spread[:, number]
            alone = len(outlook.names) == 1
            came = "what came" if alone else ""
            truth = self.plot.add_curve(f"true {number}", "textMid", label=came, form=".2f")
            truth.set_data(steps, outlook.truth[:, number])
            paint = "role:output" if alone else f"arch:custom{number % 4 + 1}"
            label = "expected ± spread" if alone else name
            curve = self.plot.add_curve(f"mean {number}", paint, label=label, form=".2f")
            curve.set_data(steps, mean)
            curve.set_band(steps, mean - spread, mean + spread)
        self.plot.fit()

    def set_cursor(self, t: int) -> None:
        """Show the shared cursor."""
        self.plot.set_cursor(float(t))
        self.notes.heat.set_cursor(row=None, column=t)

    @Slot(float)
    def _plot_picked(self, x: float) -> None:
        self.picked.emit(max(0, round(x)))

    @Slot(int, int)
    def _note_picked(self, _row: int, column: int) -> None:
        self.picked.emit(column)


class _Notes(QWidget):
    """The probabilities of keys by time, high keys on top; keys that came are outlined."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._outlook: Outlook | None = None
        self._low = self._high = 0
        self.heat = HeatMap("probability", x_title="sequence time t", y_title="key",
                            bar_title="probability")  # fmt: skip
        self.heat.setParent(self)
        self._marks = _Marks(self)
        follow_theme(self)

    def set_outlook(self, outlook: Outlook) -> None:
        self._outlook = outlook
        used = (outlook.truth > 0.5) | (outlook.expected > 0.1)
        keys = np.flatnonzero(used.any(0))
        self._low = max(0, int(keys.min(initial=len(outlook.names) - 1)) - 2)
        self._high = min(len(outlook.names), int(keys.max(initial=0)) + 3)
        if self._high <= self._low:
            self._low, self._high = 0, len(outlook.names)
        part = slice(self._low, self._high)
        self.heat.set_data(outlook.expected[:, part].T[::-1])
        self.heat.set_labels(rows=list(outlook.names[part])[::-1])
        self._marks.came = outlook.truth[:, part].T[::-1] > 0.5
        self._marks.update()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self.heat.setGeometry(self.rect())
        self._marks.setGeometry(self.rect())

    @Slot()
    def restyle(self) -> None:
        self.update()


class _Marks(QWidget):
    """Outlines of what came, over the map."""

    def __init__(self, parent: _Notes) -> None:
        super().__init__(parent)
        self._heat = parent.heat
        self.came = np.zeros((0, 0), bool)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        frame = self._heat.frame()
        if (frame.rows, frame.columns) != self.came.shape:
            return
        width, height = frame.cell
        with painting(self) as painter:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pen(theme().color("accent"), 1.0))
            for row, column in np.argwhere(self.came):
                x, y = frame.rect.left() + column * width, frame.rect.top() + row * height
                painter.drawRect(QRectF(x + 0.5, y + 0.5, width - 1, height - 1))
