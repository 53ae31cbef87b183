"""`Panel`: what every panel shares: header, when to redraw, picture, explanation, empty state.

    class NormsPanel(Panel):
        title = "Gradient norm"
        kinds = frozenset({Metrics})                    # events that make it out of date
        explanation = Explanation("...", (r"...",), "...")

        def __init__(self, session: Session, parent: QWidget | None = None) -> None:
            super().__init__(session, parent)
            self.set_body(plot)

        def draw(self) -> None: ...                     # pictures, at most 30 times a second
        def tell(self) -> None: ...                     # words and numbers, at most 4 times

A panel redraws only while it can be seen; hidden, it remembers that it is out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPaintEvent, QRegion, QShowEvent
from PySide6.QtWidgets import QFileDialog, QStackedLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.studio.panels.explanation import Explanation, InfoPopover
from seqstudio.studio.panels.saving import FILTERS, NUMBERS, save_panel
from seqstudio.studio.plots.export import blank_image
from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import Button, EmptyState, IconButton, Label, PanelHeader

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_WORDS_MS = 250


class Panel(QWidget):
    """A view of the run that the session looks at.

    Attributes:
        title: Name of the panel.
        kinds: Types of records that make it out of date; none given means all.
        explanation: How its numbers are computed.
        session: What it shows.
        header: Title, subtitle, switches, actions.
    """

    title: ClassVar[str] = ""
    kinds: ClassVar[frozenset[type]] = frozenset()
    explanation: ClassVar[Explanation] = Explanation("")

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setAccessibleName(self.title)
        self.header = PanelHeader(self.title, parent=self)
        self._content = _Content(self)
        self._info = IconButton("info", "How is this computed", key="?")
        self._camera = IconButton("camera", "Save picture or numbers")
        self.header.add_action(self._info)
        self.header.add_action(self._camera)
        self._info.clicked.connect(self.show_info)
        self._camera.clicked.connect(self.offer_to_save)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        rows.addWidget(self.header)
        rows.addWidget(self._content, 1)
        self._dirty = True
        self._words_wait = False
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(_WORDS_MS)
        self._pace.timeout.connect(self._tell_late)
        self._listen()

    def _listen(self) -> None:
        self.session.events.connect(self._arrived)
        self.session.run_changed.connect(self._another_run)
        self.session.cursor_changed.connect(self._cursor_moved)
        self.session.state_changed.connect(self._state_changed)
        self.session.facts_changed.connect(self.invalidate)

    # For panels to give

    def draw(self) -> None:
        """Bring pictures up to date with the session's history at its step in view."""

    def tell(self) -> None:
        """Bring words and numbers up to date, the subtitle among them."""

    def forget(self) -> None:
        """Drop what was kept of the run in view: another one takes its place."""

    def look_at_run(self, run: str) -> None:
        """Show a run other than the one in view; its history comes with the session given."""
        self.header.set_title(run)

    def measured(self) -> list[tuple[str, str]]:
        """Return what stands behind the numbers now: (name, value), for the explanation."""
        return []

    def numbers(self) -> dict[str, NDArray[Any]]:
        """Return the numbers in view by name, for CSV and NPZ; none before there are any."""
        return {}

    # For panels to use

    def set_body(self, body: QWidget) -> None:
        """Put the widget under the header that shows the data."""
        self._content.set_body(body)

    def show_empty(self, icon: str, missing: str, how: str = "", *, cover: bool = False) -> None:
        """Say what is missing and how to get it, over the body, or instead of it with `cover`."""
        self._content.show_empty(icon, missing, how, cover)

    def empty_action(self, text: str, act: Callable[[], None], *, icon: str = "") -> Button:
        """Show a button in the empty state that does something; call it after `show_empty`."""
        return self._content.action(text, act, icon)

    def show_body(self) -> None:
        """Take the empty state away."""
        self._content.hide_empty()

    @property
    def is_empty(self) -> bool:
        """Whether the empty state is shown."""
        return self._content.is_empty

    def is_wide(self, px: int) -> bool:
        """Tell whether the panel is at least so wide, at the size of the text."""
        return self.width() >= round(px * max(1.0, theme().scale))

    @override
    def minimumSizeHint(self) -> QSize:
        # Docks may get smaller than all switches together: a panel leaves out what does not fit.
        return QSize(240, 140)

    # When to redraw

    def refresh(self) -> None:
        """Redraw everything now."""
        self._dirty = False
        self.draw()
        self.tell()

    @Slot()
    def invalidate(self) -> None:
        """Redraw: now if the panel can be seen, else when it comes into view."""
        self._dirty = True
        if self.isVisible():
            self._update()

    def _update(self) -> None:
        self._dirty = False
        self.draw()
        if self._pace.isActive():
            self._words_wait = True
        else:
            self.tell()
            self._pace.start()

    @Slot()
    def _tell_late(self) -> None:
        if self._words_wait and self.isVisible():
            self.tell()
            self._pace.start()
        self._words_wait = False

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        if not self.kinds or (isinstance(kinds, frozenset) and self.kinds & kinds):
            self.invalidate()

    @Slot()
    def _another_run(self) -> None:
        self.forget()
        self._dirty = True
        if self.isVisible():
            self.refresh()

    @Slot(object)
    def _cursor_moved(self, _cursor: object) -> None:
        self.invalidate()

    @Slot(str)
    def _state_changed(self, _state: str) -> None:
        self.invalidate()

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        super().showEvent(event)
        if self._dirty:
            self.refresh()

    # Explanation and picture

    @Slot()
    def show_info(self) -> None:
        """Open the explanation under its button."""
        popover = InfoPopover(self.title, self.explanation, self.measured(), self)
        popover.open_under(self._info)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.text() == "?":
            self.show_info()
        else:
            super().keyPressEvent(event)

    @Slot()
    def offer_to_save(self) -> None:
        """Ask for a file and save the panel as a picture, a drawing or numbers."""
        kinds = [kind for kind in FILTERS if kind not in NUMBERS or self.numbers()]
        name = f"{self.title.lower().replace(' ', '-').replace('×', 'x')}.png"
        filters = ";;".join(FILTERS[kind] for kind in kinds)
        dialog = QFileDialog(self, f"Save {self.title}", name, filters)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.filterSelected.connect(
            lambda chosen: dialog.setDefaultSuffix(chosen.rpartition("*.")[2].rstrip(")"))
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_as)
        dialog.open()

    @Slot(str)
    def save_as(self, path: str) -> None:
        """Write the panel to a file; its ending says as what: PNG, SVG, CSV or NPZ."""
        from seqstudio.studio.session import Notice

        try:
            save_panel(self, Path(path))
            notice = Notice(f"Saved {Path(path).name}", "", "", "info")
        except SeqError as error:
            notice = Notice(error.what, error.why, error.hint, "error")
        self.session.notice.emit(notice)

    def to_image(self, width: int, height: int, ratio: float = 1.0) -> QImage:
        """Return a picture of the panel; it need not be shown.

        Args:
            width: In logical pixels.
            height: In logical pixels.
            ratio: Device pixels per logical pixel.
        """
        if not self.isVisible():
            self.resize(width, height)  # rendering lays hidden windows out by their own size
        self.refresh()
        image = blank_image(width, height, ratio)
        with painting(image) as painter:
            self.paint_picture(painter, width, height)
        return image

    def paint_picture(self, painter: QPainter, width: int, height: int) -> None:
        """Paint the panel with its title and without its buttons, in logical pixels."""
        head = theme().metric("panelHeader")
        painter.fillRect(QRect(0, 0, width, height), theme().color("surface0"))
        self._paint_title(painter, QRect(16, 0, width - 32, head))
        self._content.paint_into(painter, QRect(0, head, width, height - head))

    def _paint_title(self, painter: QPainter, area: QRect) -> None:
        middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme().font("panelTitle"))
        painter.setPen(theme().color("textHi"))
        painter.drawText(area, middle, self.title)
        rest = area.adjusted(painter.fontMetrics().horizontalAdvance(self.title) + 10, 0, 0, 0)
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        shown = painter.fontMetrics().elidedText(
            self.header.subtitle(), Qt.TextElideMode.ElideRight, rest.width()
        )
        painter.drawText(rest, middle, shown)


class _Content(QWidget):
    """The body, with the empty state over it or instead of it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._body: QWidget | None = None
        self._card: _EmptyCard | None = None
        self._words = ("", "", "")
        self._layout = QStackedLayout(self)
        self._layout.setStackingMode(QStackedLayout.StackingMode.StackAll)

    @property
    def is_empty(self) -> bool:
        return self._card is not None and not self._card.isHidden()

    def set_body(self, body: QWidget) -> None:
        self._body = body
        self._layout.addWidget(body)

    def show_empty(self, icon: str, missing: str, how: str, cover: bool) -> None:
        if self._card is None or self._words[0] != icon:
            self._new_card(icon, missing, how)
        card = self._card
        if card is None:
            return
        if self._words != (icon, missing, how):
            card.set_words(missing, how)
        self._words = (icon, missing, how)
        card.set_cover(cover)
        card.show()
        self._layout.setCurrentWidget(card)

    def _new_card(self, icon: str, missing: str, how: str) -> None:
        if self._card is not None:
            self._layout.removeWidget(self._card)
            self._card.deleteLater()
        self._card = _EmptyCard(EmptyState(icon, missing, how), self)
        self._layout.addWidget(self._card)

    def action(self, text: str, act: Callable[[], None], icon: str) -> Button:
        if self._card is None:
            msg = "an action needs an empty state"
            raise ValueError(msg)
        return self._card.action(text, act, icon)

    def hide_empty(self) -> None:
        if self._card is not None:
            self._card.hide()
        if self._body is not None:
            self._layout.setCurrentWidget(self._body)

    def paint_into(self, painter: QPainter, area: QRect) -> None:
        before = self.geometry()
        self.resize(area.size())
        flags = QWidget.RenderFlag.DrawChildren | QWidget.RenderFlag.DrawWindowBackground
        self.render(painter, QPoint(area.x(), area.y()), QRegion(), flags)
        self.setGeometry(before)


class _EmptyCard(QWidget):
    """An empty state on a veil, so that axes behind it stay in sight but do not disturb."""

    def __init__(self, state: EmptyState, parent: QWidget) -> None:
        super().__init__(parent)
        self.state = state
        self._veil = 0.0
        self._actions: dict[str, Button] = {}
        rows = QVBoxLayout(self)
        rows.addWidget(state)
        follow_theme(self)

    def set_cover(self, cover: bool) -> None:
        self._veil = 1.0 if cover else 0.4
        self.update()

    def set_words(self, missing: str, how: str) -> None:
        """Say something else; buttons of other words go."""
        self.state.set_words(missing, how)
        for button in self._actions.values():
            button.hide()

    def action(self, text: str, act: Callable[[], None], icon: str) -> Button:
        if text not in self._actions:
            self._actions[text] = self.state.add_action(text, icon=icon)
            self._actions[text].clicked.connect(act)
        self._actions[text].show()
        return self._actions[text]

    @Slot()
    def restyle(self) -> None:
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            well = theme().color("surface0")
            painter.fillRect(self.rect(), faded(well, self._veil))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faded(well, 0.85))
            painter.drawRoundedRect(
                self._behind_words(), theme().radius("card"), theme().radius("card")
            )

    def _behind_words(self) -> QRectF:
        """Return the room of the words and buttons, so that no line runs through them."""
        shown = [part for part in self.state.findChildren(QWidget) if part.isVisibleTo(self)]
        around = QRect()
        for part in shown:
            around = around.united(part.geometry())
        labels = [part for part in shown if isinstance(part, Label)]
        width = max(
            (part.fontMetrics().horizontalAdvance(part.text()) for part in labels), default=0
        )
        middle = self.state.mapToParent(around.center())
        room = QRectF(0, 0, min(width + 48, self.width()), around.height() + 24)
        room.moveCenter(QPointF(middle))
        return room
