"""`JamPanel`: play a phrase, the model answers in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.music.guiding import guide
from seqstudio.records.messages import Constraints
from seqstudio.studio.listen.jam_desk import Answered, JamDesk
from seqstudio.studio.listen.keep_form import KEYS
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.piano_keys import PianoKeys
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.wishes import Wish
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import (
    Button,
    CheckField,
    ComboField,
    ElidedLabel,
    FormRow,
    NumberField,
    SliderField,
)

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_PHASES = {
    "rest": ("Play with the model", "textMid"),
    "yours": ("Your turn", "accent"),
    "writing": ("The model listens", "textMid"),
    "answer": ("The model plays", "success"),
}
_LOG = 3


class JamPanel(MusicPanel):
    """Clock, whose turn it is, keys, and what was played."""

    title = "Jam"
    explanation: ClassVar[Explanation] = Explanation(
        "A clock goes on with a metronome. Play a phrase on a MIDI keyboard, on the keys here "
        "with the pointer, or with A W S E D F …. It is over when nothing was played for a bar, "
        "or when you say so. It is drawn to sixteenths, written in the coding of the model's data "
        "in the key that fits it best, and the model goes on with it. Its answer has as many "
        "bars, keeps to key and metre where the data have bars, and begins at the next bar line "
        "that can still be reached. Tempo and metre are those of the tune in view. Every turn "
        "becomes a take."
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.jam = JamDesk(self.listen, TakeDesk.of(self.listen), self)
        self._armed = False
        self.keys = PianoKeys()
        self.beats = _Beats()
        self.phase_words = ElidedLabel("", "panelTitle", "textMid")
        self.trouble = ElidedLabel("", "small", "warn")
        self.begin_button = Button("Begin", kind="primary", icon="play")
        self.over_button = Button("My phrase is over")
        self.clicks = CheckField("Metronome", True)
        self.key = ComboField([("", "as I play"), *((k, k) for k in KEYS)], "", name="Key")
        self.bars = NumberField(0, 0, 16, form="int", name="Bars of an answer")
        self.temperature = SliderField(0.8, 0.0, 2.0, form=".2f", name="Temperature")
        self.log = [ElidedLabel("", "small", "textMid") for _ in range(_LOG)]
        self.set_body(self._lay_out())
        self._connect()

    def _lay_out(self) -> QWidget:
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(6)
        rows.addLayout(_line((self.begin_button, 0), (self.phase_words, 1), (self.beats, 0)))
        rows.addWidget(self.keys)
        rows.addLayout(_line((self.over_button, 0), (self.trouble, 1), (self.clicks, 0)))
        for line in self.log:
            rows.addWidget(line)
        for row in (
            FormRow("Key", self.key, help_text="Key of the answers"),
            FormRow("Bars", self.bars, unit="0: as many as mine"),
            FormRow("Temperature", self.temperature, help_text="Of the answers"),
        ):
            rows.addWidget(row)
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        return scroll

    def _connect(self) -> None:
        self.begin_button.clicked.connect(self.toggle)
        self.over_button.clicked.connect(self.jam.end_phrase)
        self.keys.pressed.connect(self._press)
        self.keys.released.connect(self.listen.note_off)
        self.jam.changed.connect(self.invalidate)
        self.listen.moved.connect(self._moved)
        self.session.project_changed.connect(self.invalidate)

    # What is shown

    @override
    def draw(self) -> None:
        if not self.listen.is_music:
            super().draw()
            return
        self.show_body()
        going = self.jam.going
        self.begin_button.setText("End" if going else "Begin")
        self.begin_button.set_icon("stop" if going else "play")
        self.begin_button.setEnabled(going or self.session.state != "idle")
        self.over_button.setEnabled(going)
        self.trouble.setText(self._trouble())
        for line, turn in zip(self.log, [*self.jam.turns[::-1], *[None] * _LOG], strict=False):
            line.setText("" if turn is None else _turn_words(turn))
            line.setVisible(turn is not None)
        self._moved()

    def _trouble(self) -> str:
        if self.session.state == "idle":
            return "Press Train first: there is no model that could answer."
        return self.jam.trouble

    @override
    def tell(self) -> None:
        feel = self.listen.feel
        meter = f"{feel.meter[0]}/{feel.meter[1]}"
        self.header.set_subtitle(f"{feel.tempo_bpm:.0f} quarter notes a minute, {meter}")

    @Slot()
    def _moved(self) -> None:
        words, tone = _PHASES[self.jam.phase]
        if self.jam.phase != "rest":
            bar = float(self.listen.feel.bar_beats)
            at = self.jam.beats
            self.beats.set_beat(int(at % bar), round(bar))
            words = f"{words}, bar {int(at // bar) + 1}"
        else:
            self.beats.set_beat(-1, 4)
        self.phase_words.setText(words)
        self.phase_words.set_tone(tone)

    # What the person does

    @Slot()
    def toggle(self) -> None:
        """Begin or end."""
        if self.jam.going:
            self.jam.end()
            return
        self.jam.key = str(self.key.value() or "")
        self.jam.bars = int(self.bars.value())
        self.jam.wish = Wish("", 0, float(self.temperature.value()))
        self.jam.guided = self._guided()
        self.jam.begin(clicks=self.clicks.value())
        self.keys.setFocus()

    def _guided(self) -> bool:
        dataset = self.session.dataset
        if dataset is None or dataset.vocabulary is None:
            return False
        kind = (self.session.run_project or self.session.project).data.kind
        return guide(kind, Constraints(), dataset.vocabulary.symbols) is not None

    @Slot(int)
    def _press(self, pitch: int) -> None:
        self._armed = True
        self.listen.set_live_keys(True)
        self.listen.note_on(pitch)

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        """Nobody plays on keys that cannot be seen."""
        super().hideEvent(event)
        if self.session.closing:
            return  # the sound has gone already
        if self.jam.going:
            self.jam.end()
        if self._armed:
            self._armed = False
            self.listen.set_live_keys(False)


class _Beats(QWidget):
    """The beats of a bar as dots; the one that sounds is lit, the first one is larger."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._beat, self._count = -1, 4
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    def set_beat(self, beat: int, count: int) -> None:
        """Light a beat, -1 for none."""
        if (beat, count) != (self._beat, self._count):
            self._beat, self._count = beat, max(1, min(16, count))
            self.updateGeometry()
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(18 * self._count, 20)

    @Slot()
    def restyle(self) -> None:
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            for number in range(self._count):
                radius = 6.0 if number == 0 else 4.5
                lit = number == self._beat
                painter.setBrush(theme().color("accent" if lit else "surface3"))
                x = 18 * number + 9
                painter.drawEllipse(QRectF(x - radius, 10 - radius, 2 * radius, 2 * radius))


def _line(*parts: tuple[QWidget, int]) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(8)
    for widget, stretch in parts:
        line.addWidget(widget, stretch)
    return line


def _turn_words(turn: Answered) -> str:
    phrase, bars = turn.turn.phrase, turn.turn.bars
    return (
        f"{len(phrase.notes)} notes in {turn.turn.key}, answered with {len(turn.answer.notes)} "
        f"in {bars} bar{'s' * (bars != 1)}"
    )
