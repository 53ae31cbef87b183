"""The transport: train, step, stop, the live controls and the numbers that stand still."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.document.settings import TrainingSettings
from seqstudio.studio.keys import Action, follow_keys, keymap
from seqstudio.studio.rate_finder import find_rate
from seqstudio.studio.session import ACTIVE, Session
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import Button, ComboField, IconButton, Label, SliderField, StatValue

NUMBERS_MS = 250
NARROW = 1400  # below: no tracks
NO_MEMORY = 1320
SMALL = 1200  # below: no speed, no rules, no words before the choices, a shorter list of runs
TIPS = {
    "step": "Updates of the weights so far in the run in view.",
    "speed": "Tokens read for training in the newest 3 seconds of the run, divided by that time. "
    "Measuring and validation count as time, pauses do not.",
    "memory": "Resident memory of the process that trains, at the newest step.",
    "left": "A budget of minutes less the time of the run without pauses; for a budget of steps, "
    "steps left × mean time of a step.",
}
CLIP_LOW = 0.01

ACTIONS = (
    Action("run.toggle", "Train or pause", "Run", ("P",)),
    Action("run.step", "One training step", "Run", (".", "Ctrl+.")),
    Action("run.stop", "Stop with a checkpoint", "Run", ("Shift+P",)),
    Action("run.rate", "Find a learning rate…", "Run"),
    Action("run.give_up_rate", "Stop the search for a learning rate", "Run"),
    Action("run.give_up_compiling", "Give up the compiler", "Run"),
    Action("run.empty_trash", "Remove deleted runs for good…", "Run"),
)


class Transport(QWidget):
    """A row that is always visible.

    Signals:
        run_chosen(str): the person chose another run.
        gallery_wanted(): the person wants to start from a template.
    """

    run_chosen = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        keymap().declare(ACTIONS)
        self.play = Button("Train", kind="primary", icon="play", parent=self)
        self.play.setAccessibleName("Train or pause")
        self.step = IconButton("step", "Do one training step", size=32, glyph=20)
        self.stop = IconButton("stop", "Stop and keep a checkpoint", size=32, glyph=20)
        self.run = ComboField((), name="Run", parent=self)
        self.device = ComboField(
            (("auto", "auto"), ("cpu", "cpu"), ("cuda", "cuda"), ("mps", "mps")),
            "auto",
            name="Device",
            parent=self,
        )
        training = session.project.training
        rate, clip = TrainingSettings.param("learning_rate"), TrainingSettings.param("clip")
        self.rate = SliderField(
            training.learning_rate, rate.low, 0.1, form="sci", log=True, name="Learning rate"
        )
        self.clip = SliderField(
            max(training.clip, CLIP_LOW), CLIP_LOW, 100.0, form=".2f", log=True, name="Clip norm"
        )
        self.finder = IconButton("target", "Find a learning rate", size=28, glyph=16)
        self.clip.setToolTip(clip.help)
        self.rate.setToolTip(rate.help)
        self.numbers = {
            "step": StatValue("step", "888,888", self),
            "speed": StatValue("tokens/s", "888.8 k", self),
            "memory": StatValue("memory", "88.8 GB", self),
            "left": StatValue("left", "88 min 88 s", self),
        }
        for name, number in self.numbers.items():
            number.setToolTip(f"How is this computed: {TIPS[name]}")
        self.run.setToolTip("The run that all panels show")
        self._words = [Label(w, "body", "textMid", parent=self) for w in ("Run", "Device")]
        self._rules = [_Rule(self) for _ in range(3)]
        self._lay_out()
        self._connect()
        follow_theme(self)
        follow_keys(self)
        self._show_settings()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        for widget in (self.play, self.step, self.stop):
            row.addWidget(widget)
        row.addWidget(self._rules[0])
        row.addWidget(self._words[0])
        row.addWidget(self.run)
        row.addWidget(self._rules[1])
        row.addWidget(self._words[1])
        row.addWidget(self.device)
        row.addWidget(self._rules[2])
        for words, field in (("Learning rate", self.rate), ("Clip norm", self.clip)):
            row.addWidget(Label(words, "body", "textMid", parent=self))
            row.addWidget(field)
            if field is self.rate:
                row.addWidget(self.finder)
            row.addSpacing(8)
        row.addStretch(1)
        for number in self.numbers.values():
            row.addWidget(number, 0, Qt.AlignmentFlag.AlignVCenter)
            row.addSpacing(8)
        self.device.setFixedWidth(92)

    def _connect(self) -> None:
        self.play.clicked.connect(self.toggle)
        self.step.clicked.connect(self._step)
        self.stop.clicked.connect(self._stop)
        self.finder.clicked.connect(self.find_rate)
        self.rate.value_changed.connect(self._set_rate)
        self.clip.value_changed.connect(self._set_clip)
        self.run.value_changed.connect(self._choose_run)
        self.device.value_changed.connect(self._choose_device)
        self.session.state_changed.connect(self._show_state)
        self.session.project_changed.connect(self._project_changed)
        self.session.run_changed.connect(self._show_runs)
        self._timer = QTimer(self, interval=NUMBERS_MS)
        self._timer.timeout.connect(self._show_numbers)
        self._timer.start()
        self._show_runs()

    # --------------------------------------------------------------------- acts

    @Slot()
    def toggle(self) -> None:
        """Train, or pause what trains."""
        if self.session.state in {"running", "starting"}:
            self.session.pause()
        else:
            self.session.play()

    @Slot()
    def find_rate(self) -> None:
        """Try rising learning rates on a copy of the model, and show what they do."""
        find_rate(self.session, self.window())

    @Slot()
    def _step(self) -> None:
        self.session.step(1)

    @Slot()
    def _stop(self) -> None:
        self.session.stop()

    @Slot(object)
    def _set_rate(self, value: object) -> None:
        self._set_live("learning_rate", value)

    @Slot(object)
    def _set_clip(self, value: object) -> None:
        self._set_live("clip", value)

    def _set_live(self, name: str, value: object) -> None:
        try:
            self.session.set_live(name, float(str(value)))
        except SeqError:
            return  # the field shows the range by itself

    @Slot(object)
    def _choose_run(self, name: object) -> None:
        self.run_chosen.emit(str(name))

    @Slot(object)
    def _choose_device(self, name: object) -> None:
        self.session.device = str(name)

    # -------------------------------------------------------------------- shows

    @Slot(str)
    def _show_state(self, state: str) -> None:
        running = state in {"running", "starting"}
        first = state == "idle"
        self.play.set_icon("pause" if running else "play")
        self.play.setText("Train" if first else "")
        self.play.setToolTip(keymap().named("Pause" if running else "Train", "run.toggle"))
        self.play.setFixedSize(112 if first else 44, 32)
        self.stop.setEnabled(state in ACTIVE)
        self.device.setEnabled(state not in ACTIVE)
        self._show_runs()
        self._show_numbers()

    @Slot()
    def rekey(self) -> None:
        """Tell the keys in force in the tool tips."""
        self.step.set_key(keymap().text("run.step"))
        self.stop.set_key(keymap().text("run.stop"))
        self.finder.set_key(keymap().text("run.rate"))
        self._show_state(self.session.state)

    @Slot(object)
    def _project_changed(self, _change: object) -> None:
        self._show_settings()

    def _show_settings(self) -> None:
        training = self.session.project.training
        if not math.isclose(self.rate.value(), training.learning_rate):
            self.rate.set_value(training.learning_rate)
        if training.clip and not math.isclose(self.clip.value(), training.clip):
            self.clip.set_value(training.clip)

    @Slot()
    def _show_runs(self) -> None:
        current = self.session.history.run
        names = [info.name for info in self.session.runs()]
        if current and current not in names:
            names.insert(0, current)
        options = [(name, name) for name in names] or [("", "none yet")]
        self.run.set_options(options)
        self.run.set_value(current if current else options[0][0])
        self.run.setEnabled(bool(names))

    @Slot()
    def _show_numbers(self) -> None:
        history = self.session.history
        self.numbers["step"].set_value(f"{history.step:,}")
        curves = history.curves
        speed = curves.tokens_per_second() if self.session.state == "running" else math.nan
        self.numbers["speed"].set_value(speed_words(speed))
        memory = curves.memory_mb
        words = f"{memory / 1000:.1f} GB" if memory else "–"
        self.numbers["memory"].set_value(words)
        detail = f": {history.detail}" if history.detail else ""
        self.device.setToolTip(f"Where the model trains{detail}. Memory in use: {words}")
        self.numbers["left"].set_value(self._left())

    def _left(self) -> str:
        training, curves = self.session.project.training, self.session.history.curves
        if not len(curves) or self.session.state not in ACTIVE:
            return "–"
        seconds = float(curves.seconds[-1])
        if training.budget == "minutes":
            return time_words(training.minutes * 60 - seconds)
        pace = seconds / max(int(curves.steps[-1]), 1)
        return time_words((training.steps - int(curves.steps[-1])) * pace)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        """Leave out what a narrow window or a large font has no room for.

        First the tracks, as the numbers can be dragged; then memory, which the tool tip of the
        device tells; last the speed and the words before the choices.
        """
        width = event.size().width() / max(1.0, theme().scale)
        self.rate.set_compact(width < NARROW)
        self.clip.set_compact(width < NARROW)
        self.numbers["memory"].setVisible(width >= NO_MEMORY)
        self.finder.setVisible(width >= NO_MEMORY)  # the Run menu has the search, too
        for widget in (*self._words, *self._rules, self.numbers["speed"]):
            widget.setVisible(width >= SMALL)
        self.run.setFixedWidth(150 if width >= SMALL else 110)
        super().resizeEvent(event)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the hairline below."""
        with painting(self) as painter:
            painter.fillRect(0, self.height() - 1, self.width(), 1, theme().color("line"))

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self.setFixedHeight(theme().metric("transport"))
        self.update()


class _Rule(QWidget):
    """A hairline between groups."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(17, 24)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(8, 0, 1, self.height(), theme().color("line"))


def speed_words(speed: float) -> str:
    """Return tokens per second in words: "412 k", "–" when unknown."""
    if not math.isfinite(speed):
        return "–"
    return f"{speed / 1000:.1f} k" if speed >= 1000 else f"{speed:.0f}"


def time_words(seconds: float) -> str:
    """Return a duration in words: "3 min 10 s"."""
    whole = max(round(seconds), 0)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
