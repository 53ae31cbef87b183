"""The strip that offers to let a run that goes on take over what was edited since it started."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.session import Session
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import Button, Label

WORDS = "Edited since the run started"
EXPLAINED = (
    "Blocks that kept their shape keep their weights and optimizer state, opened ones get theirs, "
    "new ones start fresh. The run goes on at the same step."
)


class EditStrip(QWidget):
    """One row below the transport, there only while an edit waits."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.apply = Button("Apply now", kind="primary", parent=self)
        self.apply.setToolTip(EXPLAINED)
        self.apply.clicked.connect(self._apply)
        self._words = Label(WORDS, "body", "textHi", parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(12)
        row.addWidget(self._words)
        row.addWidget(self.apply)
        row.addStretch(1)
        for signal in (session.project_changed, session.state_changed):
            signal.connect(self._show)
        session.run_changed.connect(self._show)
        follow_theme(self)
        self._show()

    @Slot()
    def _apply(self) -> None:
        self.session.apply_edit()

    @Slot()
    def _show(self, _what: object = None) -> None:
        self.setVisible(self.session.applicable)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the soft ground and the hairline below."""
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("warnSoft"))
            painter.fillRect(0, self.height() - 1, self.width(), 1, theme().color("line"))

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.update()
