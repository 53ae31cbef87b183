"""Forms made from tables of `Param`: one row a setting, checked as it is changed.

    form = Form(LSTM.params, block.params, change)   # change(name, value), may raise SeqError
    form.set_values(new)                             # silent
    form.gesture                                     # grows at the end of a drag or of typing

A value that is refused stays visible with its range and reason; the old one remains in force.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.document.param import Param, Value
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import (
    CheckField,
    ComboField,
    FormRow,
    IconButton,
    Label,
    NumberField,
    Segments,
    SliderField,
    TextField,
)

OnChange = Callable[[str, Value], None]
_SEGMENT_LETTERS = 14
_LINEAR_SPAN, _LOG_LEAST, _LOG_MOST = 20.0, 1000.0, 100_000.0
_NOTE_LINES = 3
_LEAST_TRACK = 24  # so that a row with a unit fits into the smallest inspector

Field = SliderField | NumberField | Segments | ComboField | CheckField | TextField


class Form(QWidget):
    """Rows for settings, and a note that explains the one at hand.

    Args:
        params: Declarations, in order.
        values: Starting values by name; a missing or refused one shows the default.
        on_change: Called with every new value; a `SeqError` that it raises is shown at the row.
    """

    def __init__(
        self,
        params: Sequence[Param],
        values: Mapping[str, Value],
        on_change: OnChange,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._on_change = on_change
        self._rows: dict[str, _Row] = {}
        self.gesture = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for param in params:
            row = _Row(param, values.get(param.name, param.default), self)
            self._rows[param.name] = row
            column.addWidget(row.widget)
        self._note = _Note(self)
        column.addSpacing(4)
        column.addWidget(self._note)
        self._explain_first()

    def field(self, name: str) -> Field:
        """Return the field of a setting, for tests and tours.

        Raises:
            KeyError: There is no such setting.
        """
        return self._rows[name].field

    def reason(self, name: str) -> str:
        """Return why the value shown for a setting is refused, "" if it is not."""
        return self._rows[name].reason

    def set_values(self, values: Mapping[str, Value]) -> None:
        """Show other values without calling back."""
        for name, row in self._rows.items():
            if name in values:
                row.show_value(values[name])

    def set_hidden(self, names: Iterable[str]) -> None:
        """Hide the settings that have no effect at the moment, and show the others."""
        hidden = set(names)
        for name, row in self._rows.items():
            row.widget.setVisible(name not in hidden)

    def _explain_first(self) -> None:
        first = next((row.param for row in self._rows.values() if row.param.help), None)
        self._note.setVisible(first is not None)
        if first is not None:
            self.explain(first)

    def explain(self, param: Param) -> None:
        """Show the help of a setting in the note."""
        self._note.tell(param.help or param.range_text())

    def change(self, row: _Row, value: object) -> None:
        """Hand a new value on, or show at its row why it is refused."""
        self.explain(row.param)
        try:
            self._on_change(row.param.name, row.param.parse(value))
        except SeqError as error:
            row.refuse(error)
        else:
            row.accept(row.param.parse(value))

    def end_gesture(self) -> None:
        """Let the next change be a step of the history of its own."""
        self.gesture += 1


class _Row(QObject):
    """A setting, its field, and the value in force."""

    def __init__(self, param: Param, value: Value, form: Form) -> None:
        super().__init__(form)
        self.param = param
        self.reason = ""
        self._form = form
        self._value = _acceptable(param, value)
        self.field = make_field(param, self._value)
        holder = _PathField(self.field) if isinstance(self.field, _PathText) else self.field
        self.widget = FormRow(param.title, holder, unit=param.unit, help_text=_tip(param))
        self.widget.setParent(form)
        self.widget.installEventFilter(self)
        for part in (self.field, *self.field.findChildren(QWidget)):
            part.installEventFilter(self)
        self._connect()

    def _connect(self) -> None:
        field = self.field
        if isinstance(field, TextField):
            field.committed.connect(self._changed)
        else:
            field.value_changed.connect(self._changed)
        if not isinstance(field, (Segments, TextField)):
            field.committed.connect(self._committed)
        if isinstance(field, (SliderField, NumberField)):
            field.invalid_changed.connect(self._told)

    @Slot(object)
    def _changed(self, value: object) -> None:
        self._form.change(self, value)
        if isinstance(self.field, (Segments, TextField, ComboField, CheckField)):
            self._form.end_gesture()

    @Slot(object)
    def _committed(self, value: object) -> None:
        del value
        self._form.end_gesture()

    @Slot(str)
    def _told(self, reason: str) -> None:
        self.reason = reason

    def show_value(self, value: Value) -> None:
        """Show a value without a callback."""
        self._value = _acceptable(self.param, value)
        _show(self.field, self._value)

    def accept(self, value: Value) -> None:
        """Take a value as the one in force."""
        self._value = value
        self._say("")

    def refuse(self, error: SeqError) -> None:
        """Say why a value is refused; a switch goes back, a text or number stays to be mended."""
        self._say(error.sentence())
        if isinstance(self.field, (Segments, ComboField, CheckField)):
            _show(self.field, self._value)

    def _say(self, reason: str) -> None:
        self.reason = reason
        if isinstance(self.field, (SliderField, NumberField, TextField)):
            self.field.set_invalid(reason)
        self.widget.set_reason(reason)

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.Enter):
            self._form.explain(self.param)
        return False


def _acceptable(param: Param, value: Value) -> Value:
    try:
        return param.parse(value)
    except SeqError:  # a damaged project: the check reports it, the form offers the default
        return param.default


def _tip(param: Param) -> str:
    return f"{param.help}\n{param.range_text().capitalize()}".strip()


def make_field(param: Param, value: Value) -> Field:
    """Return the field that suits a declaration: track, number, segments, list, switch or text."""
    match param.kind:
        case "bool":
            return CheckField("", bool(value))
        case "choice":
            letters = sum(len(label) for _, label in param.choices)
            if len(param.choices) <= 3 and letters <= _SEGMENT_LETTERS:
                return Segments(param.choices, str(value), name=param.title)
            return ComboField(param.choices, str(value), name=param.title)
        case "text":
            return TextField(str(value), name=param.title)
        case "path":
            return _PathText(str(value), placeholder="built-in", name=param.title)
        case _:
            return _number(param, float(value))


def _number(param: Param, value: float) -> SliderField | NumberField:
    form = number_form(param)
    if has_track(param):
        log = _is_log(param)
        field = SliderField(value, param.low, param.high, form=form, log=log, name=param.title)
        field.track.setMinimumWidth(_LEAST_TRACK)
        return field
    log = param.log and param.low > 0
    return NumberField(value, param.low, param.high, form=form, log=log, name=param.title)


def has_track(param: Param) -> bool:
    """Tell whether a slider helps: a short linear range, or decades worth sliding over."""
    if math.isinf(param.low) or math.isinf(param.high):
        return False
    if _is_log(param):
        return True
    return param.kind == "float" and not param.log and param.high - param.low <= _LINEAR_SPAN


def _is_log(param: Param) -> bool:
    if param.low <= 0 or math.isinf(param.high):
        return False
    ratio = param.high / param.low
    return param.log or (param.kind == "int" and _LOG_LEAST <= ratio <= _LOG_MOST)


def number_form(param: Param) -> str:
    """Return how a number is written: "int", "sci", ".2f" or "auto"."""
    if param.kind == "int":
        return "int"
    if param.log and param.low > 0:
        return "sci"
    bounds = (param.low, param.high, float(param.default))
    fine = any(round(number, 2) != number for number in bounds)
    narrow = param.high - param.low <= _LINEAR_SPAN
    return ".2f" if narrow and not fine else "auto"


def _show(field: Field, value: Value) -> None:
    if isinstance(field, CheckField):
        field.set_value(bool(value))
    elif isinstance(field, (SliderField, NumberField)):
        field.set_value(float(value))
    elif isinstance(field, ComboField):
        field.set_value(value)
    else:
        field.set_value(str(value))


class _PathText(TextField):
    """The text of a path."""


class _PathField(QWidget):
    """A path with a button that opens the file dialog; an empty path is the built-in data."""

    invalid_changed = Signal(str)

    def __init__(self, field: _PathText) -> None:
        super().__init__()
        self._field = field
        choose = IconButton("folder", "Choose a file", parent=self)
        clear = IconButton("close", "Use the built-in data", parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(field, 1)
        row.addWidget(choose)
        row.addWidget(clear)
        self.setFocusProxy(field)
        choose.clicked.connect(self._choose)
        clear.clicked.connect(self._clear)

    @Slot()
    def _choose(self) -> None:
        folder = str(Path(self._field.value()).parent) if self._field.value() else ""
        path, _ = QFileDialog.getOpenFileName(self, "Choose a file", folder)
        if path:
            self._take(path)

    @Slot()
    def _clear(self) -> None:
        self._take("")

    def _take(self, path: str) -> None:
        if path != self._field.value():
            self._field.set_value(path)
            self._field.committed.emit(path)


class _Note(QFrame):
    """A note of three lines whose height never changes, so that nothing jumps."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("kind", "note")
        self._text = Label("", "small", "textMid", wrap=True, parent=self)
        self._text.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 8)
        column.addWidget(self._text)
        follow_theme(self)

    def tell(self, text: str) -> None:
        """Show a text."""
        self._text.setText(text)

    @Slot()
    def restyle(self) -> None:
        """Take the height of three lines in the theme in force."""
        self.setFixedHeight(_NOTE_LINES * theme().line_height("small") + 18)
