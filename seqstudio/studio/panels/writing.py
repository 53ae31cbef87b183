"""`WritingForm`: prompt, temperature, top k, top p, seed, and the button that asks for a text."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QWidget
from typing_extensions import override

from seqstudio.document.settings import SamplingSettings
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import Button, Label, NumberField, TextField

_ONE_ROW = 660
_ALL_FIELDS = 490
_SEED_TOO = 380


@dataclass(frozen=True)
class Wish:
    """What the form asks for."""

    prompt: str
    temperature: float
    top_k: int
    top_p: float
    seed: int


class WritingForm(QWidget):
    """One row of fields, two where it is narrow.

    Signals:
        asked(object): The button was pressed, or Enter in the prompt; a `Wish`.
        changed(str, object): Name of a sampling setting that the person changed, and its value.
    """

    asked = Signal(object)
    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.prompt = TextField(placeholder="Prompt: a line break", mono=True, name="Prompt")
        self.temperature = _number("temperature", ".2f", "Temperature")
        self.top_k = _number("top_k", "int", "Top k")
        self.top_p = _number("top_p", ".2f", "Top p")
        self.seed = NumberField(0, 0, 2**31 - 1, form="int", name="Seed")
        self.button = Button("Write another", icon="sample")
        self._rare: list[QWidget] = []
        self._rarer: list[QWidget] = []
        self._rows = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._rows.setContentsMargins(12, 6, 12, 8)
        self._rows.setSpacing(10)
        self._rows.addWidget(self.prompt, 1)
        self._rows.addLayout(self._numbers())
        self.button.clicked.connect(self._ask)
        self.prompt.returnPressed.connect(self._ask)
        self.prompt.committed.connect(self._prompt_changed)
        self.temperature.committed.connect(self._temperature_changed)
        self.top_k.committed.connect(self._top_k_changed)
        self.top_p.committed.connect(self._top_p_changed)
        follow_theme(self)

    def _numbers(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        fields = (
            ("Temp.", self.temperature),
            ("k", self.top_k),
            ("p", self.top_p),
            ("Seed", self.seed),
        )
        for name, field in fields:
            label = Label(name, "small", "textMid", parent=self)
            row.addWidget(label)
            row.addWidget(field)
            if field in (self.top_k, self.top_p):
                self._rare += [label, field]
            elif field is self.seed:
                self._rarer += [label, field]
        row.addStretch(1)
        row.addWidget(self.button)
        return row

    def set_settings(self, settings: SamplingSettings) -> None:
        """Show the project's settings; a field that is being typed in is left alone."""
        if not self.prompt.hasFocus():
            self.prompt.set_value(settings.prompt.replace("\n", "\\n"))
        self.temperature.set_value(settings.temperature)
        self.top_k.set_value(settings.top_k)
        self.top_p.set_value(settings.top_p)

    def wish(self) -> Wish:
        """Return what the fields say now."""
        return Wish(
            self.prompt.value().replace("\\n", "\n"),
            float(self.temperature.value()),
            int(self.top_k.value()),
            float(self.top_p.value()),
            int(self.seed.value()),
        )

    @Slot()
    def _ask(self) -> None:
        self.asked.emit(self.wish())
        self.seed.set_value(self.seed.value() + 1)  # the same seed would write the same text

    @Slot(str)
    def _prompt_changed(self, _text: str) -> None:
        self.changed.emit("prompt", self.wish().prompt)

    @Slot(object)
    def _temperature_changed(self, value: object) -> None:
        self.changed.emit("temperature", value)

    @Slot(object)
    def _top_k_changed(self, value: object) -> None:
        self.changed.emit("top_k", value)

    @Slot(object)
    def _top_p_changed(self, value: object) -> None:
        self.changed.emit("top_p", value)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        scale = max(1.0, theme().scale)
        wide = self.width() >= round(_ONE_ROW * scale)
        for part in self._rare:
            part.setVisible(self.width() >= round(_ALL_FIELDS * scale))
        for part in self._rarer:
            part.setVisible(self.width() >= round(_SEED_TOO * scale))
        direction = QBoxLayout.Direction
        self._rows.setDirection(direction.LeftToRight if wide else direction.TopToBottom)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface1"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.fillRect(0, 0, self.width(), 1, theme().color("line"))


def _number(name: str, form: str, words: str) -> NumberField:
    param = SamplingSettings().param(name)
    field = NumberField(float(param.default), param.low, param.high, form=form, name=words)
    field.setToolTip(param.help)
    return field
