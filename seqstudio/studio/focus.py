"""Where the keyboard is: going from part to part of the window without a mouse."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDockWidget, QWidget

_TAB = Qt.FocusPolicy.TabFocus


def give_focus(part: QWidget) -> bool:
    """Give the keyboard to a part, or the first control in it or in its head; False if none."""
    for widget in (part, *part.findChildren(QWidget), *_head(part)):
        takes = bool(widget.focusPolicy() & _TAB) and widget.isEnabled()
        if takes and widget.isVisible():
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            return True
    return False


def _head(part: QWidget) -> list[QWidget]:
    dock = part.parentWidget()
    return dock.titleBarWidget().findChildren(QWidget) if isinstance(dock, QDockWidget) else []


def holds_focus(part: QWidget) -> bool:
    """Tell whether the keyboard is in a part or in its head."""
    now = QApplication.focusWidget()
    return now is not None and (part is now or part.isAncestorOf(now) or now in _head(part))


def go_on(parts: Sequence[QWidget], by: int) -> None:
    """Give the keyboard to the next part, or with `by` = -1 to the one before, round and round."""
    here = [place for place, part in enumerate(parts) if holds_focus(part)]
    start = here[0] if here else (-1 if by > 0 else 0)
    for distance in range(1, len(parts) + 1):
        if give_focus(parts[(start + by * distance) % len(parts)]):
            return
