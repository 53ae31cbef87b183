"""The status line: problems at the left, keys that work now, a word of trust at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QFontMetrics,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QShortcut,
)
from PySide6.QtWidgets import QHBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.check import Problem, Report
from seqstudio.records.messages import COMPILING
from seqstudio.studio.keys import caps, follow_keys, keymap
from seqstudio.studio.session import Session
from seqstudio.studio.theme import follow_theme, icon_pixmap, painting, pen, theme
from seqstudio.studio.widgets import Button, ElidedLabel, Label

CAP_PAD, CAP_GAP, WORD_GAP, HINT_GAP = 5, 3, 6, 18  # pixels
SAID_MS = 6000
OFFLINE = "Offline. Nothing leaves this computer."
# Actions whose keys a page tells, with words for this place; gestures are written out.
HINTS = {
    "build": (("canvas.add", "add a block"), ("canvas.start_wire", "wire"),
              ("canvas.delete", "delete"), ("edit.undo", "undo"), ("run.toggle", "train"),
              ("edit.find", "find an action"), ("help.keys", "all keys")),
    "train": (("run.toggle", "train, pause"), ("run.step", "one step"), ("run.stop", "stop"),
              ("edit.find", "find an action"), ("help.keys", "all keys")),
    "inside": (("clocks.time_back clocks.time_on", "sequence time"),
               ("clocks.step_back clocks.step_on", "training step"), ("clocks.live", "live")),
    "listen": (("roll.play", "play, pause"), ("Ctrl wheel", "zoom")),
    "learn": (("↑ ↓", "scroll"), ("Tab", "next button"), ("Enter", "press it")),
}  # fmt: skip


def hint_keys(told: str) -> str:
    """Return the keys of a hint, apart by spaces: those in force where it names actions."""
    if "." not in told:
        return told
    found = [caps(keys[0]) for keys in map(keymap().keys, told.split()) if keys]
    shared = [*found[0][:-1]] if found else []  # two arrows with Shift: one Shift
    return " ".join([*shared, *(keys[-1] for keys in found)])


class StatusBar(QWidget):
    """One line, 24 high.

    Signals:
        problem_chosen(object): the person clicked the problem shown.
    """

    problem_chosen = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._problem: Problem | None = None
        self._count = 0
        self._page = ""
        self._tone = ("check", "success")
        self._icon = Label()
        self._left = ElidedLabel("", "small", "textMid")
        self.hints = KeyHints()
        self.give_up = Button("Give up", kind="text")
        self.give_up.setToolTip("Train the model as it is, not compiled (Esc)")
        self.give_up.hide()
        self._right = ElidedLabel(OFFLINE, "small", "textLow")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(6)
        row.addWidget(self._icon)
        row.addWidget(self._left, 1)
        row.addWidget(self.give_up)
        row.addWidget(self.hints)
        row.addWidget(self._right, 1)
        self._right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._said = QTimer(self, interval=SAID_MS)
        self._said.setSingleShot(True)
        self._said.timeout.connect(self._take_report)
        session.report_changed.connect(self._take_report)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self._give_up)
        self._escape.setEnabled(False)
        self.give_up.clicked.connect(self._give_up)
        session.events.connect(self._take_events)
        session.state_changed.connect(self._take_events)
        follow_theme(self)
        follow_keys(self)
        self._take_report()

    @Slot(str)
    def say(self, words: str) -> None:
        """Show a passing word at the left."""
        if words:
            self._tell(words, "info", "textLow")
            self._said.start()

    @Slot(str)
    def show_network(self, words: str) -> None:
        """Say what is being fetched and from where; "" when nothing is."""
        self._right.setText(words or OFFLINE)
        self._right.set_tone("accent" if words else "textLow")

    def show_hints(self, page: str) -> None:
        """Show the keys that work on a page."""
        self._page = page
        self.rekey()

    @Slot()
    def rekey(self) -> None:
        """Tell the keys in force; an action without a key is left out."""
        told = [(hint_keys(keys), words) for keys, words in HINTS.get(self._page, ())]
        self.hints.set_hints([hint for hint in told if hint[0]])

    @Slot()
    def _take_report(self) -> None:
        if self.session.report is not None:
            self.show_report(self.session.report)
        elif self.session.data_error is not None:
            error = self.session.data_error
            self._problem = Problem("", "", error.what, error.why, error.hint)
            self._count = 1
            self._show_problem()
        else:
            self._tell("Reading the data…", "clock", "textLow")

    @Slot(object)
    def _take_events(self, _seen: object) -> None:
        """Tell that the compiler is at work, and let the person give it up."""
        compiling = self.session.compiling
        if compiling == self._escape.isEnabled():
            return
        self._escape.setEnabled(compiling)
        self.give_up.setVisible(compiling)
        if compiling:
            self._tell(f"{COMPILING}…", "clock", "textLow")
        else:
            self._take_report()

    @Slot()
    def _give_up(self) -> None:
        self.session.give_up("compile")

    def _tell(self, words: str, icon: str, tone: str) -> None:
        self._tone = (icon, tone)
        self._left.setText(words)
        self.restyle()

    @Slot(object)
    def show_report(self, report: object) -> None:
        """Show the first problem, or that there is none."""
        if not isinstance(report, Report) or self.session.facts is None:
            return
        self._problem = report.problems[0] if report.problems else None
        self._count = len(report.problems)
        self._show_problem()

    @Slot()
    def _show_problem(self) -> None:
        problem = self._problem
        if problem is None:
            detail = self.session.history.detail
            words = "No problems" + (f" · {detail}" if detail else "")
            self._tell(words, "check", "success")
        else:
            more = f" (and {self._count - 1} more)" if self._count > 1 else ""
            tone = "error" if problem.error else "warn"
            self._tell(problem.sentence() + more, tone, tone)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        """Go to the problem."""
        if self._problem is not None and event.position().x() < self.width() / 2:
            self.problem_chosen.emit(self._problem)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the hairline above."""
        with painting(self) as painter:
            painter.fillRect(0, 0, self.width(), 1, theme().color("line"))

    @Slot()
    def restyle(self) -> None:
        """Take measures and icon of the theme in force."""
        self.setFixedHeight(theme().metric("status"))
        self._icon.setPixmap(icon_pixmap(self._tone[0], 14, self._tone[1]))


class KeyHints(QWidget):
    """Keys drawn as key caps, each with what it does; the last give way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hints: tuple[tuple[tuple[str, ...], str], ...] = ()
        follow_theme(self)

    def set_hints(self, hints: Sequence[tuple[str, str]]) -> None:
        """Show keys ("Shift P": two caps) with their words."""
        self._hints = tuple((tuple(keys.split()), words) for keys, words in hints)
        self.setAccessibleName(", ".join(f"{keys}: {words}" for keys, words in hints))
        self.updateGeometry()
        self.update()

    def _width(self, keys: Sequence[str], words: str) -> int:
        metrics = QFontMetrics(theme().font("axis"))
        caps = sum(metrics.horizontalAdvance(key) + 2 * CAP_PAD + CAP_GAP for key in keys)
        return caps - CAP_GAP + WORD_GAP + metrics.horizontalAdvance(words)

    @override
    def sizeHint(self) -> QSize:
        wide = sum(self._width(*hint) + HINT_GAP for hint in self._hints)
        return QSize(max(wide - HINT_GAP, 0), theme().metric("status") - 2)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme().font("axis"))
            x = 0.0
            for keys, words in self._hints:
                if x + self._width(keys, words) > self.width():
                    return
                x = self._paint(painter, x, keys, words) + HINT_GAP

    def _paint(self, painter: QPainter, x: float, keys: Sequence[str], words: str) -> float:
        metrics, middle = painter.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        tall = min(self.height() - 2.0, metrics.height() + 3.0)
        for key in keys:
            wide = metrics.horizontalAdvance(key) + 2 * CAP_PAD
            cap = QRectF(x + 0.5, (self.height() - tall) / 2, wide - 1, tall)
            painter.setPen(pen(theme().color("lineStrong")))
            painter.setBrush(theme().color("surface2"))
            painter.drawRoundedRect(cap, theme().radius("tag"), theme().radius("tag"))
            painter.setPen(theme().color("textMid"))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, key)
            x += wide + CAP_GAP
        x += WORD_GAP - CAP_GAP
        painter.setPen(theme().color("textLow"))
        wide = metrics.horizontalAdvance(words)
        painter.drawText(QRectF(x, 0, wide + 1, self.height()), middle, words)
        return x + wide

    @Slot()
    def restyle(self) -> None:
        """Measure again in the fonts of the theme in force."""
        self.updateGeometry()
        self.update()
