"""`Controls`: first, back, play, on, last; the speed, the sweep, and where the play is."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.inside.playing.playhead import Phase, Playhead
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import Button, ComboField, ElidedLabel, IconButton, Segments

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
USUAL = 2.0
SPEED_WIDTH = 108
PHASES = (("forward", "Forward"), ("backward", "Backward"))


class Controls(QWidget):
    """A row of buttons that moves a playhead.

    Signals:
        moved(object): the `Playhead` that the person, or the play, went to.
        fresh_wanted(): the person wants the newest weights.

    Attributes:
        head: Where the play is.
    """

    moved = Signal(object)
    fresh_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.head = Playhead(1)
        self.first = IconButton("first", "To the first time step", key="Home")
        self.back = IconButton("chevron-left", "One step back in the play", key="←")
        self.play = IconButton("play", "Play", key="Space", size=28, glyph=18)
        self.on = IconButton("chevron-right", "One step on in the play", key="→")
        self.last = IconButton("step", "To the end of the play", key="End")
        speeds = [(speed, f"{speed:g} steps/s") for speed in SPEEDS]
        self.speed = ComboField(speeds, USUAL, name="Speed of the play")
        self.phase = Segments(PHASES, name="Sweep")
        self.words = ElidedLabel("", "small", "textMid")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.fresh = Button("Refresh", icon="loop")
        self.fresh.hide()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._lay_out()
        self._connect()
        follow_theme(self)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(4)
        for button in (self.first, self.back, self.play, self.on, self.last):
            row.addWidget(button)
        self.speed.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for widget in (self.speed, self.phase):
            row.addSpacing(6)
            row.addWidget(widget)
        row.addSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.fresh)

    def _connect(self) -> None:
        self.first.clicked.connect(self.to_start)
        self.back.clicked.connect(self.step_back)
        self.play.clicked.connect(self.toggle)
        self.on.clicked.connect(self.step_on)
        self.last.clicked.connect(self.to_end)
        self.phase.value_changed.connect(self._phase_chosen)
        self.speed.value_changed.connect(self._speed_chosen)
        self.fresh.clicked.connect(self.fresh_wanted)

    @Slot()
    def restyle(self) -> None:
        """Give the speed the width that its words take in the theme in force."""
        self.speed.setFixedWidth(round(SPEED_WIDTH * max(1.0, theme().scale)))

    @property
    def playing(self) -> bool:
        """Whether the play goes on by itself."""
        return self._timer.isActive()

    def set_head(self, head: Playhead) -> None:
        """Show where the play is, without a signal."""
        self.head = head
        self.phase.set_value(head.phase)
        self.back.setEnabled(head.position > 0)
        self.first.setEnabled(head.position > 0)
        self.on.setEnabled(not head.at_end)
        self.last.setEnabled(not head.at_end)

    def go(self, head: Playhead) -> None:
        """Move the play to a place."""
        if head != self.head:
            self.set_head(head)
            self.moved.emit(head)

    @Slot()
    def step_on(self) -> None:
        """One step on; from the last step of the forward sweep into the backward one."""
        self.go(self.head.on())

    @Slot()
    def step_back(self) -> None:
        """Undo one step of the play."""
        self.go(self.head.on(-1))

    @Slot()
    def to_start(self) -> None:
        """To the first step of the forward sweep."""
        self.go(self.head.at(0))

    @Slot()
    def to_end(self) -> None:
        """To the end of the backward sweep."""
        self.go(self.head.at(2 * self.head.steps - 1))

    @Slot()
    def toggle(self) -> None:
        """Play or pause; at the end begin again."""
        if self.playing:
            self.pause()
            return
        if self.head.at_end:
            self.to_start()
        self._timer.start(self._interval_ms())
        self._show_playing()

    def pause(self) -> None:
        """Stop playing."""
        self._timer.stop()
        self._show_playing()

    def _interval_ms(self) -> int:
        return round(1000 / float(str(self.speed.value())))

    def _show_playing(self) -> None:
        self.play.set_icon("pause" if self.playing else "play")
        self.play.set_tip("Pause" if self.playing else "Play")

    @Slot()
    def _tick(self) -> None:
        self.step_on()
        if self.head.at_end:
            self.pause()

    @Slot(str)
    def _phase_chosen(self, name: str) -> None:
        phase: Phase = next(each for each in get_args(Phase) if each == name)
        self.go(self.head.in_phase(phase))

    @Slot(object)
    def _speed_chosen(self, _speed: object) -> None:
        if self.playing:
            self._timer.start(self._interval_ms())

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        """Nobody sees the play: it waits."""
        self.pause()
        super().hideEvent(event)
