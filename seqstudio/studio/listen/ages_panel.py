"""`AgesPanel`: the same prompt written at several training steps, to compare by ear."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Sample, Validation
from seqstudio.studio.listen.findings import findings_of
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take, ages, take_of_sample
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, pen, theme
from seqstudio.studio.widgets import ElidedLabel, IconButton, Label

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_COUNTS = {1: "one age", 2: "two ages", 3: "three ages", 4: "four ages"}
_DOT = 1.6
_MOST_DOTS = 48


class AgesPanel(MusicPanel):
    """Up to four kept samples from young to old, each with a play button."""

    title = "The same prompt, three ages"
    kinds: ClassVar[frozenset[type]] = frozenset({Sample, Validation, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "Every now and then the trainer writes a tune by itself, with the prompt, temperature "
        "and seed of the project. Up to four of them are shown: the first, the newest, and two "
        "between. Dots are the first notes, pitch over time. The loss is the last one measured "
        "on held-out data at or before that step."
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.cards: list[AgeCard] = []
        self._takes: dict[int, Take] = {}
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(8, 8, 8, 8)
        self._column.setSpacing(6)
        self._column.addStretch(1)
        scroll.setWidget(inside)
        self.set_body(scroll)
        self.listen.playing_changed.connect(self._mark)

    @override
    def forget(self) -> None:
        self._takes.clear()

    @override
    def draw(self) -> None:
        super().draw()
        if not self.listen.is_music:
            self._show_cards([])
            return
        samples = ages(self.session.history.samples)
        self._show_cards(samples)
        if not samples and self.take is not None:
            how = "Training keeps what the model writes; the first tune comes at step 0."
            self.show_empty("clock", "No ages to compare yet", how, cover=True)

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
            self._takes[id(sample)] = take_of_sample(sample)
        return self._takes[id(sample)]

    def _loss_at(self, step: int) -> str:
        known = [each for each in self.session.history.validations if each.step <= step]
        return f"{known[-1].loss:.2f} nats" if known else ""

    @override
    def tell(self) -> None:
        count = len(self.cards)
        self.header.set_title(f"The same prompt, {_COUNTS.get(count, 'three ages')}")
        self.header.set_subtitle("by ear" if count > 1 else "")

    @Slot(object)
    def _play(self, sample: object) -> None:
        if not isinstance(sample, Sample):
            return
        current = self.take is not None and self.take.sample is sample
        if current:
            self.listen.toggle()
        else:
            self.listen.choose(sample)
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
        self._dots = _Dots()
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


class _Dots(QWidget):
    """The first notes of a take: pitch over order of onset."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._take: Take | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    def set_take(self, take: Take) -> None:
        self._take = take
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(110, 30)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(40, 30)

    @Slot()
    def restyle(self) -> None:
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        notes = self._take.score.notes[:_MOST_DOTS] if self._take else ()
        if not notes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().role("output"))
        end = max(float(notes[-1].start), 1.0)
        pitches = [note.pitch for note in notes]
        span = max(max(pitches) - min(pitches), 12)
        room = QRectF(self.rect()).adjusted(4, 4, -4, -4)
        for note in notes:
            x = room.left() + room.width() * float(note.start) / end
            y = room.bottom() - room.height() * (note.pitch - min(pitches)) / span
            painter.drawEllipse(QPointF(x, y), _DOT, _DOT)
