"""The Learn page: claims of the lectures, to predict, run and judge."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks.templates import TEMPLATES
from seqstudio.lessons.claims import CLAIMS, Claim, Outcome
from seqstudio.studio.page import Page
from seqstudio.studio.theme import follow_theme, icon_pixmap, painting, pen, theme
from seqstudio.studio.widgets import Button, Label, PanelHeader

POLL_MS = 60
VERDICTS = {
    "holds": ("check", "success", "Holds"),
    "holds with a condition": ("split", "warn", "Holds with a condition"),
    "does not hold": ("close", "error", "Does not hold"),
}


class LearnPage(Page):
    """Cards in two columns.

    Signals:
        template_wanted(str): the person wants to see it at work.
    """

    template_wanted = Signal(str)

    def __init__(self) -> None:
        self._body = QWidget()
        super().__init__("learn", self._body)
        self._workers = ThreadPoolExecutor(1, "seqstudio-claims")
        self.cards = {key: ClaimCard(claim, self._workers) for key, claim in CLAIMS.items()}
        for card in self.cards.values():
            card.template_wanted.connect(self.template_wanted)
        column = QWidget()
        self._grid = QGridLayout(column)
        self._grid.setContentsMargins(24, 20, 24, 24)
        self._grid.setSpacing(16)
        self._place(2)
        area = QScrollArea()
        area.setWidget(column)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = PanelHeader(
            "Claims of the lectures", "predict, run, and let the numbers judge", side=True
        )
        self._run_all = Button("Run all", icon="play")
        self._run_all.clicked.connect(self.run_all)
        header.add_action(self._run_all)
        rows = QVBoxLayout(self._body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(header)
        rows.addWidget(area, 1)
        self.home = area  # arrows scroll, Tab goes to the first card

    def _place(self, columns: int) -> None:
        for number, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, number // columns, number % columns)
        for column in range(columns):
            self._grid.setColumnStretch(column, 1)

    @Slot()
    def run_all(self) -> None:
        """Run every claim that has no verdict yet."""
        for card in self.cards.values():
            if card.outcome is None:
                card.run()

    def close_workers(self) -> None:
        """End the thread of the experiments."""
        self._workers.shutdown(wait=False, cancel_futures=True)


class ClaimCard(QWidget):
    """One claim: prediction first, then numbers and verdict.

    Attributes:
        outcome: What the experiment found, None before it ran.
    """

    template_wanted = Signal(str)

    def __init__(self, claim: Claim, workers: ThreadPoolExecutor) -> None:
        super().__init__()
        self.claim = claim
        self.outcome: Outcome | None = None
        self._workers = workers
        self._future: Future[Outcome] | None = None
        self._predicted = -1
        self.setAccessibleName(f"{claim.id}: {claim.statement}")
        self._lay_out()
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)
        follow_theme(self)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(8)
        rows.addLayout(self._head())
        rows.addWidget(Label(self.claim.statement, "title", "textHi", wrap=True))
        self._question = Label(self.claim.question, "body", "textMid", wrap=True)
        rows.addWidget(self._question)
        rows.addLayout(self._answers())
        self._numbers = QGridLayout()
        self._numbers.setHorizontalSpacing(24)
        self._numbers.setVerticalSpacing(4)
        rows.addLayout(self._numbers)
        self._words = Label("", "body", "textMid", wrap=True)
        self._words.hide()
        rows.addWidget(self._words)
        rows.addStretch(1)
        rows.addLayout(self._foot())

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Label(self.claim.id, "monoSmall", "textHi"))
        head.addWidget(Label(self.claim.source, "small", "textMid"))
        head.addStretch(1)
        self._mark, self._verdict = Label(""), Label("", "panelTitle", "textHi")
        head.addWidget(self._mark)
        head.addWidget(self._verdict)
        return head

    def _answers(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._choices = []
        for number, answer in enumerate(self.claim.answers):
            button = Button(answer)
            button.clicked.connect(lambda _checked=False, number=number: self.predict(number))
            self._choices.append(button)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.setSpacing(8)
        self._settings = Label("", "small", "textLow", wrap=True)
        foot.addWidget(self._settings, 1)
        if self.claim.template:
            see = Button(f"See it in {TEMPLATES[self.claim.template].title}", kind="text")
            see.clicked.connect(lambda: self.template_wanted.emit(self.claim.template))
            foot.addWidget(see)
        self._again = Button("Run", icon="play")
        self._again.clicked.connect(self.run)
        foot.addWidget(self._again)
        return foot

    def predict(self, answer: int) -> None:
        """Take a prediction and run the experiment."""
        self._predicted = answer
        self.run()

    @Slot()
    def run(self) -> None:
        """Run the experiment in the background."""
        if self._future is None:
            self._again.setEnabled(False)
            self._future = self._workers.submit(self.claim.run)
            self._timer.start()

    @Slot()
    def _poll(self) -> None:
        if self._future is None or not self._future.done():
            return
        self._timer.stop()
        future, self._future = self._future, None
        self._again.setEnabled(True)
        self._again.setText("Run again")
        self._show(future.result())

    def _show(self, outcome: Outcome) -> None:
        self.outcome = outcome
        icon, tone, words = VERDICTS[outcome.verdict]
        self._mark.setPixmap(icon_pixmap(icon, 16, tone))
        self._verdict.setText(words)
        self._verdict.set_tone(tone)
        while self._numbers.count():
            item = self._numbers.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.deleteLater()
        if self._predicted >= 0:
            self._show_prediction()
        for row, (name, value) in enumerate(outcome.numbers, 1):
            self._numbers.addWidget(Label(name, "small", "textMid"), row, 0)
            self._numbers.addWidget(Label(value, "mono", "textHi"), row, 1)
        self._numbers.setColumnStretch(2, 1)
        self._words.setText(outcome.words)
        self._words.show()
        self._settings.setText(outcome.settings)

    def _show_prediction(self) -> None:
        right = self._predicted == self.claim.right
        words = self.claim.answers[self._predicted] + (", as measured" if right else "")
        self._numbers.addWidget(Label("you predicted", "small", "textMid"), 0, 0)
        self._numbers.addWidget(Label(words, "body", "success" if right else "textHi"), 0, 1)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the card."""
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("lineStrong"), 1))
            painter.setBrush(theme().color("surface2"))
            radius = theme().radius("card")
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), radius, radius)

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        if self.outcome is not None:
            icon, tone, _ = VERDICTS[self.outcome.verdict]
            self._mark.setPixmap(icon_pixmap(icon, 16, tone))
        self.update()
