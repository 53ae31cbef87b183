"""`NumberField`: a number to type, step or drag; `SliderField`: the same with a track.

    rate = SliderField(2e-3, 1e-5, 1.0, form="sci", log=True, name="Learning rate")
    rate.value_changed.connect(live)      # every change while dragging
    rate.committed.connect(edit)          # once at the end of a gesture: one undo step

A number out of its range is shown with its reason and never takes effect: `value()` keeps the
last good one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QLineEdit, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets.labels import repolish
from seqstudio.studio.widgets.numbers import format_number, parse_number, quantise, range_text

Check = Callable[[float], str]
_DRAG_START_PX = 4
_PX_PER_STEP = 4
_PX_PER_DECADE = 160.0
_LOG_STEP = 10**0.1
_STEP_KEYS = {
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_PageUp: 10,
    Qt.Key.Key_PageDown: -10,
}


class NumberField(QLineEdit):
    """A number in a field, 58 wide, right-aligned, in tabular figures.

    Drag horizontally to change it (Shift ×10, Alt ÷10), or arrows up and down, or type.

    Args:
        value: Starting value.
        minimum: Least allowed, inclusive.
        maximum: Greatest allowed, inclusive.
        form: "int", ".2f", "sci" or "auto" (see `numbers`).
        step: One arrow key; None takes 1, the last shown decimal, or a tenth of a decade.
        log: Steps and drags multiply.
        name: Accessible name.

    Signals:
        value_changed(object): float (int for form "int"), during a gesture.
        committed(object): the same, once at its end.
        invalid_changed(str): the reason, "" when all is well.
    """

    value_changed = Signal(object)
    committed = Signal(object)
    invalid_changed = Signal(str)

    def __init__(  # noqa: PLR0913 - what describes a number
        self,
        value: float = 0.0,
        minimum: float = -math.inf,
        maximum: float = math.inf,
        *,
        form: str = "auto",
        step: float | None = None,
        log: bool = False,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._value = float(value)
        self._minimum, self._maximum = float(minimum), float(maximum)
        self._form, self._log = form, log
        self._step = step or _natural_step(form)
        self._reason = self._why = ""
        self._check: Check | None = None
        self._drag: QPointF | None = None
        self._dragged = 0.0
        self._dragging = self._typing = False
        self.setProperty("numeric", True)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setAccessibleName(name)
        self.textEdited.connect(self._edited)
        self.returnPressed.connect(self._finish_typing)
        follow_theme(self)
        self._show_value()

    # What panels use

    def value(self) -> float:
        """Return the last valid value; an int for form "int"."""
        return round(self._value) if self._form == "int" else self._value

    def set_value(self, value: float) -> None:
        """Show a value without a signal; text being typed is left alone."""
        self._value = float(value)
        if not self._typing:
            self._set_reason("")
            self._show_value()

    def set_range(self, minimum: float, maximum: float, why: str = "") -> None:
        """Set the inclusive range; `why` is told after it when a number lies outside."""
        self._minimum, self._maximum, self._why = float(minimum), float(maximum), why
        self.restyle()

    def set_check(self, check: Check | None) -> None:
        """Give a further rule: it returns why a number is refused, or ""."""
        self._check = check

    def set_invalid(self, reason: str) -> None:
        """Mark the field from outside, "" to unmark it."""
        self._set_reason(reason)

    def is_valid(self) -> bool:
        """Return whether the shown text is a number in range."""
        return not self._reason

    def step_by(self, steps: float) -> None:
        """Change the value by steps, as an arrow key does, within the range."""
        self._apply(self._stepped(steps))
        self.committed.emit(self.value())

    def fraction(self) -> float:
        """Return where the value lies in its range, 0 to 1, on the field's scale."""
        low, high, here = (self._scaled(v) for v in (self._minimum, self._maximum, self._value))
        return min(1.0, max(0.0, (here - low) / (high - low))) if high > low else 0.0

    def set_fraction(self, fraction: float) -> None:
        """Move to a place in the range, 0 to 1, with `value_changed` but no `committed`."""
        low, high = self._scaled(self._minimum), self._scaled(self._maximum)
        place = low + min(1.0, max(0.0, fraction)) * (high - low)
        self._apply(10**place if self._log else place)

    @Slot()
    def restyle(self) -> None:
        """Take font and size from the theme in force."""
        font = theme().font("mono")
        self.setFont(font)
        text = QFontMetrics(font).horizontalAdvance("0" * self._characters()) + 17
        self.setFixedSize(max(58, text), theme().metric("field"))
        self._tell_range()

    def _characters(self) -> int:
        """Return how many characters the longest number of the range takes, five to nine."""
        bounds = [b for b in (self._minimum, self._maximum, self._value) if math.isfinite(b)]
        longest = max(len(format_number(bound, self._form)) for bound in bounds)
        return min(9, max(6 if self._form in ("sci", "auto") else 5, longest))

    # Changing

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def _stepped(self, steps: float) -> float:
        if self._log:
            return float(self._value * _LOG_STEP**steps)
        if self._form == "int":
            steps = math.copysign(max(1.0, abs(steps)), steps)
        return self._value + steps * self._step

    def _apply(self, wanted: float) -> None:
        """Take the nearest allowed value and tell if it is another one."""
        allowed = min(self._maximum, max(self._minimum, quantise(wanted, self._form)))
        if self._check and self._check(allowed):
            return
        changed = allowed != self._value
        self._value = allowed
        self._set_reason("")
        self._show_value()
        if changed:
            self.value_changed.emit(self.value())

    def _show_value(self) -> None:
        self.setText(format_number(self._value, self._form))

    def _tell_range(self) -> None:
        bounds = range_text(self._minimum, self._maximum, self._form)
        hint = "Drag or press up and down to change, Shift ×10, Alt ÷10."
        self.setToolTip(f"{bounds}. {hint}" if bounds else hint)

    # Typing

    @Slot(str)
    def _edited(self, text: str) -> None:
        self._typing = True
        self._set_reason(self._refusal(text))

    def _refusal(self, text: str) -> str:
        number = parse_number(text)
        if number is None:
            return "Not a number."
        if self._form == "int" and number != round(number):
            return "A whole number."
        if not self._minimum <= number <= self._maximum:
            bounds = range_text(self._minimum, self._maximum, self._form)
            return f"{bounds}. {self._why}".strip()
        return self._check(number) if self._check else ""

    def _set_reason(self, reason: str) -> None:
        if reason == self._reason:
            return
        self._reason = reason
        self.setProperty("invalid", bool(reason))
        self.setAccessibleDescription(reason)
        repolish(self)
        self.invalid_changed.emit(reason)

    @Slot()
    def _finish_typing(self) -> None:
        if self._reason or not self._typing:
            return
        self._typing = False
        before = self._value
        self._value = parse_number(self.text()) or 0.0
        self._show_value()
        if self._value != before:
            self.value_changed.emit(self.value())
            self.committed.emit(self.value())

    def _leave_typing(self) -> None:
        """Keep a good number, put the old one back in place of a bad one."""
        self._finish_typing()
        self._typing = False
        self._set_reason("")
        self._show_value()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._leave_typing()
        super().focusOutEvent(event)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        steps = _STEP_KEYS.get(Qt.Key(event.key()))
        if steps is not None:
            self._leave_typing()
            self.step_by(steps * _factor(event.modifiers()))
        elif event.key() == Qt.Key.Key_Escape and self._typing:
            self._typing = False
            self._set_reason("")
            self._show_value()
            self.selectAll()
        else:
            super().keyPressEvent(event)

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        if not self.hasFocus():
            event.ignore()  # scrolling a form past a field must not change it
            return
        # With Alt, Qt turns a vertical wheel into a horizontal one.
        delta = event.angleDelta().y() or event.angleDelta().x()
        if delta:
            self.step_by(math.copysign(_factor(event.modifiers()), delta))

    # Dragging

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._typing:
            self._drag, self._dragged, self._dragging = event.position(), 0.0, False
            event.accept()
        else:
            super().mousePressEvent(event)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._drag is None:
            super().mouseMoveEvent(event)
            return
        moved = event.position().x() - self._drag.x()
        if not self._dragging and abs(moved) < _DRAG_START_PX:
            return
        self._dragging = True
        self._drag = event.position()
        self._drag_by(moved * _factor(event.modifiers()))

    def _drag_by(self, px: float) -> None:
        """Collect pixels until they make a step, so that slow drags are not lost."""
        if self._log:
            self._apply_log_drag(px)
            return
        self._dragged += px
        steps = math.trunc(self._dragged / _PX_PER_STEP)
        if steps:
            self._dragged -= steps * _PX_PER_STEP
            self._apply(self._value + steps * self._step)

    def _apply_log_drag(self, px: float) -> None:
        self._dragged += px
        wanted = quantise(self._value * 10 ** (self._dragged / _PX_PER_DECADE), self._form)
        if wanted != self._value:
            self._dragged = 0.0
            self._apply(wanted)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._drag is None:
            super().mouseReleaseEvent(event)
            return
        self._drag = None
        if self._dragging:
            self._dragging = False
            self.committed.emit(self.value())
        else:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.selectAll()


def _factor(modifiers: Qt.KeyboardModifier) -> float:
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return 10.0
    return 0.1 if modifiers & Qt.KeyboardModifier.AltModifier else 1.0


def _natural_step(form: str) -> float:
    if form.endswith("f") and form.startswith("."):
        return float(10.0 ** -int(form[1:-1]))
    return 1.0 if form == "int" else 0.01
