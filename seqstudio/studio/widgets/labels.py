"""Text: `Label` in any style and tone, `ElidedLabel`, and `StatValue` (a number over its name).

Label("Learning rate", "small", "textMid")
stat = StatValue("tokens/s", sample="888 k"); stat.set_value("412 k")
"""

from __future__ import annotations

import html

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, theme


class Label(QLabel):
    """Plain text in a style of the type scale; the tone is a text token or a state.

    Args:
        text: What it says; never read as rich text.
        style: Name in the type scale, "body" by default.
        tone: "textHi", "textMid", "textLow", "accent", "success", "warn", "error".
        wrap: Break lines at the width.
    """

    def __init__(
        self,
        text: str = "",
        style: str = "body",
        tone: str = "textHi",
        *,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._style = style
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.setProperty("tone", tone)
        follow_theme(self)

    def set_tone(self, tone: str) -> None:
        """Change the colour token of the text."""
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            repolish(self)

    def set_style(self, style: str) -> None:
        """Change the style of the type scale."""
        self._style = style
        self.restyle()

    @Slot()
    def restyle(self) -> None:
        """Take font and colour from the theme in force."""
        self.setFont(theme().font(self._style))


_LEAST_SHOWN = 6


class ElidedLabel(Label):
    """One line that gives way: too long a text ends in "…" and is told whole in the tool tip."""

    def __init__(
        self,
        text: str = "",
        style: str = "body",
        tone: str = "textHi",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, style, tone, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            token = self.property("tone") if self.isEnabled() else "textDisabled"
            painter.setPen(theme().color(token))
            metrics = self.fontMetrics()
            shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
            if shown != self.text() and len(shown) < _LEAST_SHOWN:
                shown = ""  # a letter or two say nothing
            painter.drawText(self.rect(), self.alignment(), shown)
            self.setToolTip(plain_tip(self.text()) if shown != self.text() else "")


class StatValue(QWidget):
    """A live number over its name; as wide as `sample`, so that digits never move neighbours."""

    def __init__(self, label: str, sample: str = "888,888", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sample = sample
        self._value = Label("–", "mono", "textHi", parent=self)
        self._label = Label(label, "axis", "textLow", parent=self)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for row in (self._value, self._label):
            row.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            rows.addWidget(row)
        self.setAccessibleName(label)
        follow_theme(self)

    def set_value(self, text: str, tone: str = "textHi") -> None:
        """Show a value; "–" where there is none."""
        self._value.setText(text)
        self._value.set_tone(tone)
        self.setAccessibleDescription(text)

    def value(self) -> str:
        """Return the shown text."""
        return self._value.text()

    @Slot()
    def restyle(self) -> None:
        """Reserve the width of the sample in the fonts of the theme."""
        value = QFontMetrics(theme().font("mono")).horizontalAdvance(self._sample)
        name = QFontMetrics(theme().font("axis")).horizontalAdvance(self._label.text())
        self.setFixedWidth(max(value, name) + 2)


def plain_tip(words: str) -> str:
    """Return a tool tip that shows words as they are: Qt reads tags in tips otherwise."""
    return f"<p>{html.escape(words)}</p>" if "<" in words else words


def repolish(widget: QWidget) -> None:
    """Make the style sheet look again at a widget whose dynamic property changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()
