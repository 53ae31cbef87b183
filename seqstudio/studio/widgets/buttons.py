"""Buttons: `Button`, `IconButton`, `Segments`.

Button("Train", kind="primary", icon="play").clicked.connect(...)      # one primary a panel
IconButton("fork", "Fork here", key="F")                                # tool tip carries key
segments = Segments([("loss", "Loss"), ("bits", "Bits")], name="Unit")
segments.value_changed.connect(...)                                     # emits "loss", "bits"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, icon, theme
from seqstudio.studio.widgets.labels import repolish

ButtonKind = Literal["primary", "secondary", "text"]
_ICON_TONE = {"primary": "onAccent", "secondary": "textHi", "text": "accent"}


class Button(QPushButton):
    """A button with a verb on it: one "primary" a panel at most, else "secondary" or "text"."""

    def __init__(
        self,
        text: str,
        *,
        kind: ButtonKind = "secondary",
        icon: str = "",
        key: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._icon = icon
        self.setProperty("kind", kind)
        self.setAutoDefault(False)
        if key:
            self.setToolTip(f"{text} ({key})")
        follow_theme(self)

    def set_kind(self, kind: ButtonKind) -> None:
        """Change between primary, secondary and text."""
        self.setProperty("kind", kind)
        repolish(self)
        self.restyle()

    def set_icon(self, name: str) -> None:
        """Show another icon, "" for none."""
        self._icon = name
        self.restyle()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        """Take Enter like Space: outside dialogs Qt would let it pass."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)

    @Slot()
    def restyle(self) -> None:
        """Take font and icon from the theme in force."""
        self.setFont(_medium("body"))
        tone = _ICON_TONE[self.property("kind")]
        if self._icon:
            self.setIcon(icon(self._icon, 16, tone, on=tone))
        self.setIconSize(QSize(16, 16))


class IconButton(QToolButton):
    """An icon alone; its name and key are in the tool tip and the accessible name.

    Args:
        icon_name: Name in the icon set.
        tip: What it does, a verb ("Fork here").
        key: Shown in the tool tip; the shortcut itself belongs to an action.
        size: Side in pixels, 24 or more.
        glyph: Size of the icon, 14, 16, 18, 20 or 24.
    """

    def __init__(
        self,
        icon_name: str,
        tip: str,
        *,
        key: str = "",
        size: int = 24,
        glyph: int = 16,
        checkable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._key = key
        self._size = QSize(size, size)
        self._glyph = glyph
        self.setProperty("kind", "icon")
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.set_tip(tip)
        follow_theme(self)

    def set_tip(self, tip: str) -> None:
        """Say what the button does."""
        self.setToolTip(f"{tip} ({self._key})" if self._key else tip)
        self.setAccessibleName(tip)

    def set_key(self, key: str) -> None:
        """Tell another key in the tool tip."""
        self._key = key
        self.set_tip(self.accessibleName())

    def set_icon(self, name: str) -> None:
        """Show another icon (play and pause share one button)."""
        if name != self._icon_name:
            self._icon_name = name
            self.restyle()

    @Slot()
    def restyle(self) -> None:
        """Take the icon from the theme in force."""
        self.setIcon(icon(self._icon_name, self._glyph))
        self.setIconSize(QSize(self._glyph, self._glyph))
        self.setFixedSize(self._size)


class Segments(QFrame):
    """Two to five options of which one is on.

    Signals:
        value_changed: Key of the option that the person chose.
    """

    value_changed = Signal(str)

    def __init__(
        self,
        options: Sequence[tuple[str, str]],
        value: str = "",
        *,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "segments")
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._group.buttonClicked.connect(self._clicked)
        for key, label in options:
            self._add(key, label)
        self.set_value(value or options[0][0])
        follow_theme(self)

    def value(self) -> str:
        """Return the key of the option that is on."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def set_value(self, key: str) -> None:
        """Turn an option on without a signal.

        Raises:
            KeyError: No such option.
        """
        self._buttons[key].setChecked(True)

    def set_enabled(self, key: str, enabled: bool, why: str = "") -> None:
        """Allow or forbid one option; `why` is told in its tool tip."""
        self._buttons[key].setEnabled(enabled)
        self._buttons[key].setToolTip("" if enabled else why)

    def set_shown(self, key: str, shown: bool) -> None:
        """Offer one option or leave it out."""
        self._buttons[key].setVisible(shown)

    def _add(self, key: str, label: str) -> None:
        button = QToolButton(self)
        button.setText(label)
        button.setCheckable(True)
        button.setProperty("kind", "segment")
        button.setProperty("key", key)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(label)
        self._group.addButton(button)
        self._row.addWidget(button)
        self._buttons[key] = button

    @Slot(QAbstractButton)
    def _clicked(self, button: QAbstractButton) -> None:
        self.value_changed.emit(str(button.property("key")))

    @Slot()
    def restyle(self) -> None:
        """Take font and height from the theme in force."""
        for button in self._buttons.values():
            button.setFont(_medium("small"))
            button.setFixedHeight(theme().metric("seg"))


def _medium(style: str) -> QFont:
    font = theme().font(style)
    font.setWeight(QFont.Weight.Medium)
    return font
