"""A deck: several panels in one place, chosen by segments in their common head."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.studio.beside import panel_of
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import IconButton, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class Deck(QWidget):
    """Shows one of its panels; the segments stand in front of that panel's own header.

    Signals:
        chosen(str): title of the panel that the person brought to the front.

    Args:
        panels: At least one.
        session: Given, another run can be shown beside the one in view.
    """

    chosen = Signal(str)

    def __init__(
        self,
        panels: list[Panel],
        parent: QWidget | None = None,
        *,
        session: Session | None = None,
    ) -> None:
        super().__init__(parent)
        self.panels = panels
        self.setAccessibleName(panels[0].title)
        self._session = session
        self.run_beside = ""
        self._second: Panel | None = None
        self._choice = Segments([(p.title, p.title) for p in panels], name="Panel", parent=self)
        self._choice.value_changed.connect(self.choose)
        self._choice.value_changed.connect(self.chosen)
        self._heads, self._bodies = QStackedWidget(), QStackedWidget()
        for panel in panels:
            self._heads.addWidget(panel.header)
            panel.header.set_title("" if len(panels) > 1 else panel.title)
            self._bodies.addWidget(panel)
        self._sides = QSplitter(Qt.Orientation.Horizontal)
        self._sides.setChildrenCollapsible(False)
        self._sides.addWidget(self._bodies)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 1, 0, 0)  # the hairline
        rows.setSpacing(0)
        rows.addWidget(self._make_head())
        rows.addWidget(self._sides, 1)
        follow_theme(self)

    def _make_head(self) -> QWidget:
        self._head = QWidget(self)
        row = QHBoxLayout(self._head)
        alone = len(self.panels) == 1  # its header has the title
        row.setContentsMargins(0 if alone else 8, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._choice)
        self._choice.setVisible(not alone)
        row.addWidget(self._heads, 1)
        if self._session is not None:
            button = IconButton("compare", "Show another run beside it", parent=self._head)
            button.clicked.connect(self._offer_runs)
            row.addWidget(button)
            row.addSpacing(6)
            self._session.run_changed.connect(self._run_changed)
        return self._head

    @Slot(str)
    def choose(self, title: str) -> None:
        """Bring a panel to the front."""
        for index, panel in enumerate(self.panels):
            if panel.title == title:
                self._choice.set_value(title)
                self._heads.setCurrentIndex(index)
                self._bodies.setCurrentIndex(index)
                self.setAccessibleName(title)
        if self.run_beside and self._front is not None:
            self.show_beside(self.run_beside)

    @property
    def _front(self) -> Panel | None:
        return next((panel for panel in self.panels if panel.title == self.shown()), None)

    @override
    def minimumSizeHint(self) -> QSize:
        """Let the deck be narrower than the widest of its heads, as its panels do."""
        return QSize(240, 140)

    def shown(self) -> str:
        """Return the title of the panel in front."""
        return self._choice.value()

    # Another run beside

    def show_beside(self, run: str) -> None:
        """Show the panel in front a second time, for another run; "" shows the one run again."""
        if self._second is not None:
            self._second.setParent(None)
            self._second.deleteLater()
            self._second = None
        self.run_beside = ""
        front, session = self._front, self._session
        if not run or front is None or session is None:
            return
        try:
            self._second = panel_of(front, session, run)
        except SeqError as error:
            session.tell(error)
            return
        self.run_beside = run
        self._sides.addWidget(self._second)
        self._sides.setSizes([1, 1])

    @Slot()
    def _offer_runs(self) -> None:
        session = self._session
        assert session is not None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        names = [run.name for run in session.runs() if run.name != session.history.run]
        for name in names:
            act: QAction = menu.addAction(session.run_title(name))
            act.triggered.connect(partial(self._choose_run, name))
            act.setCheckable(True)
            act.setChecked(name == self.run_beside)
        if not names:
            menu.addAction("There is no other run yet: train once more").setEnabled(False)
        if self.run_beside:
            menu.addSeparator()
            menu.addAction("Show one run only").triggered.connect(partial(self._choose_run, ""))
        menu.popup(self._head.mapToGlobal(self._head.rect().bottomRight()))

    def _choose_run(self, name: str, _checked: bool = False) -> None:
        self.show_beside(name)

    @Slot()
    def _run_changed(self) -> None:
        """A run that came into view, or is gone, does not stand beside it."""
        session = self._session
        if self.run_beside and session is not None:
            names = {run.name for run in session.runs()} - {session.history.run}
            if self.run_beside not in names:
                self.show_beside("")

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        """Draw the hairline above."""
        with painting(self) as painter:
            painter.fillRect(0, 0, self.width(), 1, theme().color("line"))

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self._head.setFixedHeight(theme().metric("panelHeader"))
        self.update()
