"""Fields other than numbers, and the row that names a field.

    form.addWidget(FormRow("Initialise", ComboField([("orthogonal", "orthogonal"), ...])))

All fields share `value()`, `set_value()` (silent), `value_changed` and `committed`.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QFocusEvent,
    QKeyEvent,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, icon, icon_pixmap, theme
from seqstudio.studio.widgets.labels import ElidedLabel, Label, repolish


class ComboField(QComboBox):
    """A choice among named values.

    Signals:
        value_changed(object), committed(object): the person chose another value.
    """

    value_changed = Signal(object)
    committed = Signal(object)

    def __init__(
        self,
        options: Sequence[tuple[object, str]] = (),
        value: object = None,
        *,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._values: list[object] = []
        self.setView(QListView(self))  # the default view ignores item rules of the style sheet
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_options(options)
        if value is not None:
            self.set_value(value)
        self.activated.connect(self._chosen)
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Take the height from the theme in force."""
        self.setFixedHeight(theme().metric("field"))

    def set_options(self, options: Sequence[tuple[object, str]]) -> None:
        """Replace the choices, (value, label) each; the current value is kept if still there."""
        before = self.value()
        self.clear()
        self._values = [value for value, _ in options]
        self.addItems([label for _, label in options])
        if before in self._values:
            self.set_value(before)

    def value(self) -> object:
        """Return the chosen value, or None when there is no choice."""
        index = self.currentIndex()
        return self._values[index] if 0 <= index < len(self._values) else None

    def set_value(self, value: object) -> None:
        """Choose a value without a signal.

        Raises:
            ValueError: It is not among the options.
        """
        self.setCurrentIndex(self._values.index(value))

    @Slot(int)
    def _chosen(self, index: int) -> None:
        self.value_changed.emit(self._values[index])
        self.committed.emit(self._values[index])

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the field; too long a choice ends in "…", its list shows it whole."""
        painter = QStylePainter(self)
        try:
            option = QStyleOptionComboBox()
            self.initStyleOption(option)
            painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
            part = QStyle.SubControl.SC_ComboBoxEditField
            room = self.style().subControlRect(
                QStyle.ComplexControl.CC_ComboBox, option, part, self
            )
            whole = option.currentText
            right = Qt.TextElideMode.ElideRight
            shown = self.fontMetrics().elidedText(whole, right, room.width() - 2)
            option.currentText = shown
            painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        finally:
            painter.end()

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class CheckField(QCheckBox):
    """A yes or no with its words at the right.

    Signals:
        value_changed(bool), committed(bool): the person switched it.
    """

    value_changed = Signal(bool)
    committed = Signal(bool)

    def __init__(
        self, text: str = "", value: bool = False, *, parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self.setChecked(value)
        self.clicked.connect(self._switched)

    def value(self) -> bool:
        """Return whether it is on."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Switch without a signal."""
        self.setChecked(value)

    @Slot(bool)
    def _switched(self, checked: bool = False) -> None:
        self.value_changed.emit(checked)
        self.committed.emit(checked)


class TextField(QLineEdit):
    """One line of text.

    Signals:
        value_changed(str): while typing.
        committed(str): Enter or leaving, if the text is another one.
        invalid_changed(str): the reason set with `set_invalid`.
    """

    value_changed = Signal(str)
    committed = Signal(str)
    invalid_changed = Signal(str)

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        mono: bool = False,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(value, parent)
        self._kept = value
        self._mono = mono
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name or placeholder)
        self.textEdited.connect(self.value_changed)
        self.editingFinished.connect(self._finish)
        follow_theme(self)

    def value(self) -> str:
        """Return the text as shown."""
        return self.text()

    def set_value(self, value: str) -> None:
        """Show a text without a signal."""
        self._kept = value
        if value != self.text():
            self.setText(value)

    def set_invalid(self, reason: str) -> None:
        """Mark the field and say why, "" to unmark it."""
        self.setProperty("invalid", bool(reason))
        self.setAccessibleDescription(reason)
        repolish(self)
        self.invalid_changed.emit(reason)

    @Slot()
    def _finish(self) -> None:
        if self.text() != self._kept:
            self._kept = self.text()
            self.committed.emit(self._kept)

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        super().focusOutEvent(event)
        self.setCursorPosition(0)  # a long path shows its start, not its end

    @Slot()
    def restyle(self) -> None:
        """Take the font from the theme in force."""
        self.setFont(theme().font("mono" if self._mono else "body"))
        self.setFixedHeight(theme().metric("field"))


class SearchField(TextField):
    """A text field with a magnifier; Esc empties it, an action key is shown while it is empty."""

    def __init__(
        self,
        placeholder: str = "Search",
        *,
        key: str = "",
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        self._glass = QAction()
        super().__init__("", placeholder=placeholder, name=name, parent=parent)
        self._glass.setParent(self)
        self.addAction(self._glass, QLineEdit.ActionPosition.LeadingPosition)
        self._key = Label(key, "axis", "textLow", parent=self)
        self._key.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 10, 0)
        row.addStretch(1)
        row.addWidget(self._key)
        self.textChanged.connect(self._show_key)

    def set_key(self, key: str) -> None:
        """Show another action key."""
        self._key.setText(key)

    @Slot(str)
    def _show_key(self, text: str) -> None:
        self._key.setVisible(not text)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.value_changed.emit("")
        else:
            super().keyPressEvent(event)

    @Slot()
    @override
    def restyle(self) -> None:
        super().restyle()
        self._glass.setIcon(icon("search", 16, "textLow", on="textLow"))


class FormRow(QWidget):
    """A row of a form: name 104 wide, field, unit; the reason of a bad value stands below.

    Args:
        label: Name of the setting, sentence case.
        field: Any field of the kit; takes the rest of the width.
        unit: Small word after the field.
        help_text: Tool tip of the name.
    """

    def __init__(
        self,
        label: str,
        field: QWidget,
        *,
        unit: str = "",
        help_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.field = field
        self._name = ElidedLabel(label, "body", "textMid", self)
        self._name.setToolTip(help_text)
        self._unit = Label(unit, "small", "textLow", parent=self)
        self._unit.setVisible(bool(unit))
        self._reason = _Reason(self)
        self._lay_out()
        if not field.accessibleName():
            field.setAccessibleName(label)
        invalid_changed = getattr(field, "invalid_changed", None)
        if invalid_changed is not None:
            invalid_changed.connect(self.set_reason)
        follow_theme(self)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._name)
        fixed = self.field.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Fixed
        exact = self.field.minimumWidth() == self.field.maximumWidth()
        line.addWidget(self.field, 0 if fixed or exact else 1)
        line.addWidget(self._unit)
        if fixed or exact:
            line.addStretch(1)
        self._rows = rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 4, 0, 4)
        rows.setSpacing(4)
        rows.addLayout(line)
        rows.addWidget(self._reason)

    @Slot(str)
    def set_reason(self, reason: str) -> None:
        """Say why the value is refused, "" for nothing."""
        self._reason.set_text(reason)
        self._keep_height()

    def _keep_height(self) -> None:
        """Reserve the room of a wrapped reason, which a full form would take away."""
        told = not self._reason.isHidden()
        self.setMinimumHeight(self._rows.heightForWidth(self.width()) if told else 0)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._keep_height()

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self._name.setFixedWidth(theme().metric("formLabel"))
        # On the name, not on the row: a minimum of the row would hide that the reason needs room.
        self._name.setMinimumHeight(theme().metric("formRow") - 8)


class _Reason(QWidget):
    """An error icon and one line in the error colour."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon = Label(parent=self)
        self._text = Label("", "small", "error", wrap=True, parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        self.hide()
        follow_theme(self)

    def set_text(self, text: str) -> None:
        self._text.setText(text)
        self.setVisible(bool(text))

    @Slot()
    def restyle(self) -> None:
        self._icon.setPixmap(icon_pixmap("error", 14, "error"))
