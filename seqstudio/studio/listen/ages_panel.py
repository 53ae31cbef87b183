"""`AgesPanel`: the same prompt written at several training steps, to compare by ear."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Sample, Validation
from seqstudio.studio.listen.findings import findings_of
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.past import Told
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import Take, ages, take_of_sample
from seqstudio.studio.listen.thumbnail import Thumbnail
from seqstudio.studio.listen.wishes import Wish
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, pen, theme
from seqstudio.studio.widgets import Button, ElidedLabel, IconButton, Label, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_COUNTS = {1: "one age", 2: "two ages", 3: "three ages", 4: "four ages"}
MOST = 4
_LENGTH = 300


class AgesPanel(MusicPanel):
    """Up to four ages of the model from young to old: recorded samples, or kept weights asked."""

    title = "Ages"
    kinds: ClassVar[frozenset[type]] = frozenset({Sample, Validation, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "Recorded: every now and then the trainer writes a tune by itself, with the prompt, "
        "temperature and seed of the project. Up to four of them are shown: the first, the "
        "newest, and two between.\n\n"
        "Kept: the checkpoints of the run are asked to write the tune that was asked for "
        "last, with the same prompt, settings and seed; the step of the training clock is among "
        "them. The loss is the last one measured on held-out data at or before that step."
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.desk = TakeDesk.of(self.listen)
        self.cards: list[AgeCard] = []
        self.refused = ""
        self._takes: dict[int, Take] = {}
        self._asked: dict[int, int] = {}
        self._past: dict[int, Sample] = {}
        self.source = Segments([("recorded", "Recorded"), ("kept", "Kept")], name="Ages")
        self.header.add_switch(self.source)
        self.ask_button = Button("Write at these steps", icon="note")
        self.steps_words = Label("", "small", "textMid", wrap=True)
        self.set_body(self._lay_out())
        self.source.value_changed.connect(self._source_changed)
        self.ask_button.clicked.connect(self.ask)
        self.desk.past.told.connect(self._told)
        self.listen.playing_changed.connect(self._mark)

    def _lay_out(self) -> QWidget:
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._column = QVBoxLayout()
        self._column.setSpacing(6)
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(8, 8, 8, 8)
        rows.setSpacing(6)
        rows.addWidget(self.steps_words)
        rows.addWidget(self.ask_button, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addLayout(self._column)
        rows.addStretch(1)
        scroll.setWidget(inside)
        return scroll

    @override
    def forget(self) -> None:
        self._takes.clear()
        self._past.clear()
        self._asked.clear()
        self.refused = ""

    @property
    def kept(self) -> bool:
        """Whether kept weights are asked, instead of showing what was recorded."""
        return self.source.value() == "kept"

    @override
    def draw(self) -> None:
        super().draw()
        if not self.listen.is_music:
            self._show_cards([])
            return
        samples = self._asked_samples() if self.kept else ages(self.session.history.samples, MOST)
        self._show_cards(samples)
        self._show_steps()
        if not samples and not self.kept and self.take is not None:
            how = "Training keeps what the model writes; the first tune comes at step 0."
            self.show_empty("clock", "No ages to compare yet", how, cover=True)

    def _show_steps(self) -> None:
        steps = self.steps()
        can_ask = self.kept and bool(self.session.history.run)
        self.ask_button.setVisible(can_ask)
        self.ask_button.setEnabled(not self._asked)
        self.steps_words.setVisible(self.kept)
        if not can_ask:
            words = "A run keeps its weights now and then. Press Train to begin one."
        elif self.refused:
            words = self.refused
        else:
            named = ", ".join(f"{step:,}" for step in steps)
            words = f"k {named} · {_wish_words(self._wish())}"
        self.steps_words.setText(words)

    def steps(self) -> list[int]:
        """Return the kept steps to ask: up to four, that of the training clock among them."""
        kept = self.desk.past.steps()
        if not kept:
            return []
        places = np.geomspace(1, len(kept), min(MOST, len(kept))).round().astype(int) - 1
        chosen = {kept[place] for place in places} | {kept[-1]}
        at = self.session.cursor.step
        if at is not None:
            chosen.add(max(step for step in kept if step <= max(at, 0)))
        return sorted(chosen)[-MOST:]

    def _wish(self) -> Wish:
        """Return what was asked for last, else what the trainer asks for by itself."""
        sampling, coding = self.session.project.sampling, self.listen.coding
        own = sampling.prompt or (coding.opening if coding is not None else "")
        plain = Wish(own, _LENGTH, sampling.temperature, sampling.top_k, sampling.top_p)
        return self.desk.last_wish or plain

    @Slot()
    def ask(self) -> None:
        """Let the weights of every step in view write."""
        self._past.clear()
        self.refused = ""
        wish = self._wish()
        for number, step in enumerate(self.steps()):
            self._asked[self.desk.past.ask(f"age {number}", wish, step)] = step
        self.invalidate()

    @Slot(object)
    def _told(self, told: object) -> None:
        if not isinstance(told, Told) or told.request not in self._asked:
            return
        if told.sample is None:
            self.refused = f"k {told.step:,}: {told.refused}"
        else:
            self._past[told.step] = told.sample
        if told.sample is None or told.sample.done:
            del self._asked[told.request]
        self.invalidate()

    def _asked_samples(self) -> list[Sample]:
        return [self._past[step] for step in sorted(self._past)]

    def _show_cards(self, samples: list[Sample]) -> None:
        while len(self.cards) < len(samples):
            card = AgeCard()
            card.play_wanted.connect(self._play)
            self._column.insertWidget(len(self.cards), card)
            self.cards.append(card)
        while len(self.cards) > len(samples):
            card = self.cards.pop()
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        for card, sample in zip(self.cards, samples, strict=True):
            if card.sample is not sample:
                card.set_take(self._take_of(sample))
            card.set_loss(self._loss_at(sample.step))
        self._mark()

    def _take_of(self, sample: Sample) -> Take:
        if id(sample) not in self._takes:
            coding = self.listen.coding
            self._takes[id(sample)] = (
                take_of_sample(sample) if coding is None else take_of_sample(sample, None, coding)
            )
        return self._takes[id(sample)]

    def _loss_at(self, step: int) -> str:
        known = [each for each in self.session.history.validations if each.step <= step]
        return f"{known[-1].loss:.2f} nats" if known else ""

    @override
    def tell(self) -> None:
        count = len(self.cards)
        words = _COUNTS.get(count, f"{count} ages") if count else ""
        self.header.set_subtitle(f"the same prompt, {words}, by ear" if count else "")

    @Slot(str)
    def _source_changed(self, _source: str) -> None:
        self.invalidate()

    @Slot(object)
    def _play(self, sample: object) -> None:
        if not isinstance(sample, Sample):
            return
        current = self.take is not None and self.take.sample is sample
        if current:
            self.listen.toggle()
        else:
            self.listen.stop()
            self.listen.take_up(self._take_of(sample))
            self.listen.play()

    @Slot()
    def _mark(self, _playing: bool = False) -> None:
        sample = self.take.sample if self.take else None
        for card in self.cards:
            card.set_current(card.sample is sample, self.listen.playing)


class AgeCard(QWidget):
    """A kept sample: play button, step, picture of its notes, bars that add up, loss.

    Signals:
        play_wanted(object): its `Sample`.
    """

    play_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sample: Sample | None = None
        self._current = False
        self.button = IconButton("play", "Play")
        self._step = Label("", "mono", "textHi")
        self._bars = ElidedLabel("", "small", "textMid")
        self._loss = Label("", "monoSmall", "textMid")
        self._dots = Thumbnail()
        self._lay_out()
        self.button.clicked.connect(self._play)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        follow_theme(self)

    def _lay_out(self) -> None:
        top, below = QHBoxLayout(), QHBoxLayout()
        top.setSpacing(8)
        for widget in (self.button, self._step):
            top.addWidget(widget)
        top.addWidget(self._dots, 1)
        below.addWidget(self._bars, 1)
        below.addWidget(self._loss)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(10, 8, 12, 8)
        rows.setSpacing(4)
        rows.addLayout(top)
        rows.addLayout(below)

    def set_take(self, take: Take) -> None:
        """Show a take."""
        self.sample = take.sample
        found = findings_of(take.tune)
        step = take.sample.step if take.sample else 0
        self._step.setText(f"k {step:,}")
        broken = found.broken[:1].upper() + found.broken[1:]
        self._bars.setText(broken or f"{found.full_bars} of {found.bars} bars add up")
        self._dots.set_take(take)
        self.button.setEnabled(bool(take.score.notes))
        self.setAccessibleName(f"Training step {step:,}")

    def set_loss(self, words: str) -> None:
        """Show the loss at that step, "" for none."""
        self._loss.setText(words)

    def set_current(self, current: bool, playing: bool) -> None:
        """Mark the one that is listened to."""
        self._current = current
        self.button.set_icon("pause" if current and playing else "play")
        self.button.set_tip("Pause" if current and playing else "Play")
        self.update()

    @Slot()
    def _play(self) -> None:
        self.play_wanted.emit(self.sample)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.button.isEnabled():
            self._play()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.button.isEnabled():
            self._play()
        else:
            super().keyPressEvent(event)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(theme().color("accentSoft" if self._current else "surface2"))
        painter.setPen(pen(theme().color("line")) if not theme().is_dark else Qt.PenStyle.NoPen)
        radius = theme().radius("card")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


def _wish_words(wish: Wish) -> str:
    return f"temperature {wish.temperature:g}, seed {wish.seed}, at most {wish.length} tokens"
