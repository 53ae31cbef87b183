"""A page of the window: an arrangement of docks that a person may change and reset."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.deck import Deck
from seqstudio.studio.focus import holds_focus
from seqstudio.studio.panels.base import Panel

STATE_VERSION = 1
GROW = 32  # pixels
Area = Qt.DockWidgetArea


class Page(QMainWindow):
    """Docks around an optional centre. A dock is moved by its panel's own header.

    Attributes:
        home: What takes the keys when the page comes to the front; None leaves it to the clocks.

    Args:
        name: Key of the saved arrangement.
        centre: Widget in the middle, None when the docks fill the page.
    """

    def __init__(self, name: str, centre: QWidget | None = None) -> None:
        super().__init__()
        self.setObjectName(f"page-{name}")
        self.setWindowFlag(Qt.WindowType.Window, False)
        self.name = name
        self.home: QWidget | None = None
        options = QMainWindow.DockOption
        self.setDockOptions(options.AllowNestedDocks | options.AllowTabbedDocks)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        if centre is None:
            centre = QWidget(self)
            centre.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            centre.setMaximumSize(0, 0)
        self.setCentralWidget(centre)
        self._first: QByteArray | None = None
        self._wishes: list[tuple[list[QDockWidget], list[int], Qt.Orientation]] = []
        self._arranged = self._seen = False

    def add(self, widget: QWidget, area: Area, *, title: str = "") -> QDockWidget:
        """Put a panel or side widget into an area."""
        words = widget.title if isinstance(widget, Panel) else title
        dock = QDockWidget(words, self)
        dock.setObjectName(f"{self.name}-{words.lower().replace(' ', '-')}")
        features = QDockWidget.DockWidgetFeature
        dock.setFeatures(features.DockWidgetMovable | features.DockWidgetFloatable)
        if isinstance(widget, Panel):
            dock.setTitleBarWidget(widget.header)
        else:
            dock.setTitleBarWidget(QWidget(dock))  # these bring a heading of their own
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def bring(self, kind: type[Panel]) -> Panel | None:
        """Bring the panel of a kind to the front of its place; None when there is none here."""
        for dock in self.findChildren(QDockWidget):
            widget = dock.widget()
            for panel in widget.panels if isinstance(widget, Deck) else [widget]:
                if isinstance(panel, kind):
                    if isinstance(widget, Deck):
                        widget.choose(panel.title)
                    return panel
        return None

    def parts(self) -> list[QWidget]:
        """Return what stands on the page now, in reading order."""
        docks = [dock for dock in self.findChildren(QDockWidget) if not dock.isHidden()]
        found = [dock.widget() for dock in docks]
        centre = self.centralWidget()
        if centre.maximumWidth() > 0:
            found.append(centre)
        return sorted(found, key=self._reading_order)

    def _reading_order(self, part: QWidget) -> tuple[int, int]:
        corner = part.mapTo(self, QPoint())
        return corner.x(), corner.y()

    def grow(self, across: int, down: int) -> bool:
        """Make the dock that has the keyboard wider and taller by a step; False if none has it."""
        dock = next((d for d in self.findChildren(QDockWidget) if holds_focus(d.widget())), None)
        if dock is None:
            return False
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        if across:
            self.resizeDocks([dock], [dock.width() + across * GROW], horizontal)
        if down:
            self.resizeDocks([dock], [dock.height() + down * GROW], vertical)
        return True

    def size_docks(self, docks: list[QDockWidget], sizes: list[int], way: Qt.Orientation) -> None:
        """Give docks their sizes at the first showing: before it Qt does not know the page."""
        self._wishes.append((docks, sizes, way))

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        """Size the docks once the page has its own size."""
        super().showEvent(event)
        if not self._seen:
            self._seen = True
            self._keep_first()
            QTimer.singleShot(0, self, self._grant)

    def _keep_first(self) -> None:
        if self._first is None:
            self._first = self.saveState(STATE_VERSION)

    @Slot()
    def _grant(self) -> None:
        if not self._arranged:
            self._size()

    def _size(self) -> None:
        for docks, sizes, way in self._wishes:
            self.resizeDocks(docks, sizes, way)

    @Slot()
    def reset(self) -> None:
        """Put all docks back to where they were at first."""
        if self._first is not None:
            self.restoreState(self._first, STATE_VERSION)
            self._size()

    def arrangement(self) -> QByteArray:
        """Return the arrangement as bytes for the settings; empty while the page was never seen.

        Before that its docks have no sizes yet, and to keep those would spoil the next start.
        """
        return self.saveState(STATE_VERSION) if self._seen else QByteArray()

    def arrange(self, state: QByteArray) -> bool:
        """Restore an arrangement; False leaves the page as it is."""
        self._keep_first()
        self._arranged = bool(state) and bool(self.restoreState(state, STATE_VERSION))
        return self._arranged
