"""Where the keyboard is: going from part to part of the window without a mouse."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

_TAB = Qt.FocusPolicy.TabFocus


def give_focus(part: QWidget) -> bool:
    """Give the keyboard to a part or the first control in it; False when none takes it."""
    for widget in (part, *part.findChildren(QWidget)):
        takes = bool(widget.focusPolicy() & _TAB) and widget.isEnabled()
        if takes and widget.isVisible():
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            return True
    return False


def go_on(parts: Sequence[QWidget], by: int) -> None:
    """Give the keyboard to the next part, or with `by` = -1 to the one before, round and round."""
    now = QApplication.focusWidget()
    here = [i for i, part in enumerate(parts) if now and (part is now or part.isAncestorOf(now))]
    start = here[0] if here else (-1 if by > 0 else 0)
    for distance in range(1, len(parts) + 1):
        if give_focus(parts[(start + by * distance) % len(parts)]):
            return
