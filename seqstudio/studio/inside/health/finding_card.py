"""What the findings panel is made of: a card for each finding, and rows of buttons that wrap."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.treating import Treatment
from seqstudio.runtime.diagnosis import Finding
from seqstudio.studio.theme import follow_theme, icon_pixmap
from seqstudio.studio.widgets import Button, Label, repolish

GAP = 8


class ButtonRows(QWidget):
    """Buttons side by side, in as many rows as they need."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: list[Button] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, button: Button) -> None:
        """Put a button behind the others."""
        button.setParent(self)
        self._buttons.append(button)
        self._place(self.width())
        self.updateGeometry()

    def buttons(self) -> tuple[Button, ...]:
        """Return the buttons in order."""
        return tuple(self._buttons)

    def _place(self, width: int) -> int:
        """Lay the buttons out; return the height that they take."""
        x = y = row = 0
        for button in self._buttons:
            if button.isHidden() and self.isVisible():
                continue
            size = button.sizeHint()
            if x and x + size.width() > width:
                x, y = 0, y + row + GAP
            button.setGeometry(QRect(x, y, min(size.width(), max(width, 1)), size.height()))
            x, row = x + size.width() + GAP, size.height()
        return y + row

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def heightForWidth(self, width: int, /) -> int:
        return self._place(width)

    @override
    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(max(self.width(), 240)))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.heightForWidth(max(self.width(), 120)))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._place(event.size().width())
        self.updateGeometry()


class Card(QFrame):
    """Words on the soft colour of how bad it is: a title, paragraphs, buttons."""

    def __init__(self, title: str, kind: str, parent: QWidget | None = None) -> None:
        """Args: its title; "error", "warn" or "success"."""
        super().__init__(parent)
        self._kind = kind
        self._icon = Label(parent=self)
        self._title = Label(title, "panelTitle", "textHi", wrap=True, parent=self)
        self._parts: list[Label] = []
        self.buttons = ButtonRows(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 12, 14, 12)
        row.setSpacing(12)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        self._words = QVBoxLayout()
        self._words.setSpacing(6)
        self._words.addWidget(self._title)
        self._words.addWidget(self.buttons)
        row.addLayout(self._words, 1)
        self.setProperty("kind", kind)
        repolish(self)
        follow_theme(self)

    def add_words(self, text: str, style: str = "body", tone: str = "textMid") -> Label:
        """Add a paragraph above the buttons."""
        label = Label(text, style, tone, wrap=True, parent=self)
        self.add_part(label)
        return label

    def add_part(self, part: QWidget) -> None:
        """Add a widget above the buttons."""
        self._words.insertWidget(self._words.count() - 1, part)

    def set_title(self, text: str) -> None:
        """Change the title."""
        self._title.setText(text)

    @Slot()
    def restyle(self) -> None:
        """Take the icon from the theme in force."""
        name = {"error": "error", "warn": "warn"}.get(self._kind, "check")
        self._icon.setPixmap(icon_pixmap(name, 18, self._kind))


class FindingCard(Card):
    """One finding: what, evidence, why, source, and a button for each treatment.

    Signals:
        wanted(object, object): the finding and the treatment whose button was pressed.
    """

    wanted = Signal(object, object)

    def __init__(self, finding: Finding, first: bool, parent: QWidget | None = None) -> None:
        """Args: the finding; whether it is the first one, whose first button is the primary."""
        super().__init__(finding.title, "error" if finding.severe else "warn", parent)
        self.finding = finding
        self.add_words(finding.evidence, tone="textHi")
        self.add_words(finding.why)
        self.add_words(finding.source, "small")
        self.setAccessibleName(finding.title)
        self.setAccessibleDescription(finding.evidence)
        self._fill(finding.treatments, first)

    def _fill(self, treatments: Sequence[Treatment], first: bool) -> None:
        for place, treatment in enumerate(treatments):
            button = Button(treatment.words, parent=self)
            if first and not place:
                button.set_kind("primary")
            button.setToolTip(_tip(treatment))
            button.clicked.connect(self._pressed)
            self.buttons.add(button)
        self.buttons.setVisible(bool(treatments))

    @Slot()
    def _pressed(self) -> None:
        place = self.buttons.buttons().index(self.sender())
        self.wanted.emit(self.finding, self.finding.treatments[place])


def _tip(treatment: Treatment) -> str:
    when = "takes effect at the next step" if treatment.live else "the run that trains may take it"
    if treatment.anew:
        when = "it acts on the start of the weights: a new run shows it"
    return f"{treatment.said}\n{when[0].upper()}{when[1:]}. One undo takes it back."
