"""Messages in place: `InlineError` where it went wrong, `EmptyState` where nothing is yet.

error = InlineError.of(seq_error)
error.add_action("Set Linear to 256", kind="secondary").clicked.connect(fix)
empty = EmptyState("attention", "This model has no attention to show",
"Add a self-attention block, or open a run that has one.")
empty.add_action("Add self-attention", icon="plus").clicked.connect(add)
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from seqstudio.core.errors import SeqError
from seqstudio.studio.theme import follow_theme, icon_pixmap
from seqstudio.studio.widgets.buttons import Button, ButtonKind
from seqstudio.studio.widgets.labels import Label, repolish

Severity = Literal["error", "warn", "success"]
_ICONS = {"error": "error", "warn": "warn", "success": "check"}


class InlineError(QFrame):
    """What happened, why, and buttons that mend it, on the soft colour of its severity."""

    def __init__(
        self,
        what: str = "",
        why: str = "",
        *,
        hint: str = "",
        severity: Severity = "error",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon = Label(parent=self)
        self._what = Label("", "panelTitle", "textHi", wrap=True, parent=self)
        self._why = Label("", "body", "textMid", wrap=True, parent=self)
        self._hint = Label("", "body", "textHi", wrap=True, parent=self)
        self._severity: Severity = severity
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._lay_out()
        self.set_message(what, why, hint)
        self.set_severity(severity)
        follow_theme(self)

    @classmethod
    def of(cls, error: SeqError, parent: QWidget | None = None) -> InlineError:
        """Return the message of a typed error."""
        return cls(error.what, error.why, hint=error.hint, parent=parent)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 12, 14, 12)
        row.setSpacing(12)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        for label in (self._what, self._why, self._hint):
            words.addWidget(label)
        self._actions = QHBoxLayout()
        self._actions.setContentsMargins(0, 6, 0, 0)
        self._actions.setSpacing(8)
        self._actions.addStretch(1)
        words.addLayout(self._actions)
        row.addLayout(words, 1)

    def set_message(self, what: str, why: str = "", hint: str = "") -> None:
        """Say something else; empty parts take no space."""
        for label, text in ((self._what, what), (self._why, why), (self._hint, hint)):
            label.setText(text)
            label.setVisible(bool(text))
        self.setAccessibleName(what)
        self.setAccessibleDescription(f"{why} {hint}".strip())

    def set_error(self, error: SeqError) -> None:
        """Show a typed error."""
        self.set_message(error.what, error.why, error.hint)

    def set_severity(self, severity: Severity) -> None:
        """Choose error, warn or success."""
        self._severity = severity
        self.setProperty("kind", severity)
        repolish(self)
        self.restyle()

    def add_action(self, text: str, *, kind: ButtonKind = "secondary", icon: str = "") -> Button:
        """Add a button that mends it; connect its `clicked`."""
        button = Button(text, kind=kind, icon=icon, parent=self)
        self._actions.insertWidget(self._actions.count() - 1, button)
        return button

    def clear_actions(self) -> None:
        """Take all buttons away, for the next message."""
        while self._actions.count() > 1:
            item = self._actions.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    @Slot()
    def restyle(self) -> None:
        """Take the icon from the theme in force."""
        self._icon.setPixmap(icon_pixmap(_ICONS[self._severity], 18, self._severity))


class EmptyState(QWidget):
    """An icon, one sentence of what is missing, one of how to get it, one or two buttons."""

    def __init__(
        self, icon: str, missing: str, how: str = "", *, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon
        self._icon = Label(parent=self)
        self._missing = Label(missing, "body", "textHi", wrap=True, parent=self)
        self._how = Label(how, "body", "textMid", wrap=True, parent=self)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        self._buttons.addStretch(1)
        self._lay_out()
        self.setAccessibleName(missing)
        follow_theme(self)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 16, 16, 16)
        rows.setSpacing(4)
        rows.addStretch(1)
        for label in (self._icon, self._missing, self._how):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            rows.addWidget(label)
        rows.insertSpacing(2, 6)
        rows.addSpacing(10)
        rows.addLayout(self._buttons)
        rows.addStretch(1)

    def set_words(self, missing: str, how: str = "") -> None:
        """Say something else."""
        self._missing.setText(missing)
        self._how.setText(how)
        self.setAccessibleName(missing)

    def add_action(self, text: str, *, kind: ButtonKind = "secondary", icon: str = "") -> Button:
        """Add a button; connect its `clicked`."""
        button = Button(text, kind=kind, icon=icon, parent=self)
        self._buttons.insertWidget(self._buttons.count() - 1, button)
        return button

    @Slot()
    def restyle(self) -> None:
        """Take the icon from the theme in force."""
        self._icon.setPixmap(icon_pixmap(self._icon_name, 24, "textLow"))
