"""`SoundPanel`: hear how a sound goes on, and how the model goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.tasks.audio import Loudnesses
from seqstudio.records.inside.trying.sound import LONGEST_S, ContinueSound, SoundContinued
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import Plot
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.sound_player import SoundPlayer
from seqstudio.studio.widgets import Button, Label, SliderField

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_STRIDE = 0.61803398875  # places far from each other, none twice for long


class SoundPanel(TryPanel):
    """A wave form that the model reads, and two ways on: the true one and the model's."""

    title = "Try a sound"
    icon = "curve"
    explanation: ClassVar[Explanation] = Explanation(
        "The model reads half a second of sound that it never learnt from, and then draws sample "
        "after sample, each from its own probabilities. Above: how the sound really goes on. "
        "Below: the model.",
        (r"x_{t+1} \sim \mathrm{softmax}(W h_t + b)",),
        "Lecture: speech and sound as a sequence (S2, S48); van den Oord et al. 2016, WaveNet",
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        player: SoundPlayer | None = None,
    ) -> None:
        super().__init__(session, parent)
        self.player = player or SoundPlayer()
        self.truth, self.told = (Plot(x_title="s", y_title=name, x_form=".3f", x_symbol="t",
                                      name=name) for name in ("original", "model"))  # fmt: skip
        self.play_truth = Button("Play original", icon="play", parent=self)
        self.play_told = Button("Play model", icon="play", parent=self)
        self.another = Button("Another place", icon="sample", parent=self)
        self.seconds = SliderField(0.5, 0.1, LONGEST_S, form=".1f", name="Seconds")
        self.heat = SliderField(0.9, 0.0, 1.5, form=".2f", name="Temperature")
        self.remark = Label("", "small", "textMid", wrap=True)
        self._place, self._seed = 0.3, 0
        self._playing: Plot | None = None
        self._connect()
        self.set_body(self._lay_out())

    def _connect(self) -> None:
        self.play_truth.clicked.connect(self._toggle_truth)
        self.play_told.clicked.connect(self._toggle_told)
        self.another.clicked.connect(self.take_another)
        self.seconds.committed.connect(self._changed)
        self.heat.committed.connect(self._changed)
        self.player.changed.connect(self._player_changed)
        self.player.moved.connect(self._moved)
        self.destroyed.connect(_closer(self.player))

    def _lay_out(self) -> QWidget:
        body = QWidget(self)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(8)
        line = QHBoxLayout()
        line.setSpacing(8)
        for word, field in (("Seconds", self.seconds), ("Temperature", self.heat)):
            line.addWidget(Label(word, "small", "textMid"))
            line.addWidget(field, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.play_truth, self.play_told, self.another):
            buttons.addWidget(button)
        buttons.addStretch(1)
        rows.addLayout(line)
        rows.addLayout(buttons)
        rows.addWidget(self.truth, 1)
        rows.addWidget(self.told, 1)
        rows.addWidget(self.remark)
        return body

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        return isinstance(dataset.vocabulary, Loudnesses)

    @override
    def question(self) -> ContinueSound | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        seconds, heat = float(self.seconds.value()), float(self.heat.value())
        return ContinueSound(self._place, seconds, heat, self._seed)

    @override
    def text(self) -> str | None:
        return ""

    @Slot(object)
    def _changed(self, _value: object) -> None:
        self.ask_again()

    @Slot()
    def take_another(self) -> None:
        """Go on at another place of the held-out part."""
        self._place = (self._place + _STRIDE) % 1.0
        self._seed += 1
        self.ask_again()

    @override
    def show_reading(self, reading: SoundContinued) -> None:
        before = -len(reading.before) / reading.rate
        after = reading.wanted / reading.rate
        for plot, rest, paint in (
            (self.truth, reading.truth, "textMid"),
            (self.told, reading.told, "role:output"),
        ):
            plot.clear()
            plot.set_growing(x=False, y=False)
            plot.set_range((before, after), (-1.0, 1.0))
            read = plot.add_curve("read", "textHi")
            read.set_data(np.arange(-len(reading.before), 0) / reading.rate, reading.before)
            rests = plot.add_curve("rest", paint)
            rests.set_data(np.arange(len(rest)) / reading.rate, rest)
        self._tell()

    def _tell(self) -> None:
        reading = self.reading
        words = [self.player.message] if self.player.message else []
        if reading is not None and len(reading.level):
            mean = float(reading.level.mean())
            words.append(f"The model's own samples surprise it by {mean:.2f} nats.")
        self.remark.setText(" ".join(words))

    @Slot()
    def _toggle_truth(self) -> None:
        self._toggle(self.truth)

    @Slot()
    def _toggle_told(self) -> None:
        self._toggle(self.told)

    def _toggle(self, plot: Plot) -> None:
        again = self._playing is not plot
        self.player.stop()
        reading = self.reading
        if again and reading is not None:
            rest = reading.truth if plot is self.truth else reading.told
            self.player.play(np.concatenate([reading.before, rest]), reading.rate)
            self._playing = plot
            self._player_changed()

    @Slot()
    def _player_changed(self) -> None:
        if not self.player.playing:
            self._playing = None
            for plot in (self.truth, self.told):
                plot.set_cursor(None)
        for button, plot, name in (
            (self.play_truth, self.truth, "Play original"),
            (self.play_told, self.told, "Play model"),
        ):
            button.setText("Stop" if self._playing is plot else name)
        self._tell()

    @Slot(float)
    def _moved(self, seconds: float) -> None:
        if self._playing is not None and self.reading is not None:
            before = len(self.reading.before) / self.reading.rate
            self._playing.set_cursor(seconds - before)

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        self.player.stop()
        super().hideEvent(event)

    @override
    def words(self, reading: SoundContinued) -> str:
        return f"{len(reading.told) / reading.rate:.2f} s at {reading.rate:,} Hz"


def _closer(player: SoundPlayer):  # type: ignore[no-untyped-def]
    """Return a slot that closes a player and keeps the panel out of it."""

    def close(_gone: QObject | None = None) -> None:
        player.close()

    return close
