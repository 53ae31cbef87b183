"""`ChainView`: an unrolled graph that scrolls over time, with the window's handle to drag."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import (
    QAbstractAnimation,
    QEvent,
    QPointF,
    QRectF,
    QSize,
    Qt,
    QVariantAnimation,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.document.settings import TrainingSettings
from seqstudio.studio.panels.chain import CellRow, Chain
from seqstudio.studio.panels.chain_paint import ChainPainter, Look, names_width
from seqstudio.studio.panels.chain_places import Places, places_of, rows_fit
from seqstudio.studio.plots import ReadOut, Scale
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.names import paint_read_out
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import format_number
from seqstudio.studio.widgets.token_lines import shown_text

#: Time that a pulse takes for one column.
PULSE_MS = 120
_CLICK_PX = 4.0
_GRIP_PX = 9.0
_NOTCH = 120.0
_COLUMNS_A_NOTCH = 3
_FASTER = 10


class ChainView(QWidget):
    """Columns of a `Chain`, as many as fit; the rest is reached by dragging, wheel and keys.

    Left and right move the cursor, Page Up, Page Down, Home and End scroll. Alt with left or
    right moves the window by one step; with Shift, as while dragging, by ten.

    Signals:
        pointed(int): column under the pointer, -1 when it leaves.
        picked(int): column that was clicked, or reached by key.
        window_wanted(int): steps that the window should have from the next run on.
        scrolled(): other columns are in view.
        pulsing(bool): a pulse began or ended.
    """

    pointed = Signal(int)
    picked = Signal(int)
    window_wanted = Signal(int)
    scrolled = Signal()
    pulsing = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chain = Chain()
        self._names: tuple[str, ...] = ()
        self._unit = ""
        self._first = 0
        self._cursor = 0
        self._look = Look()
        self._window = 0
        self._place: QPointF | None = None
        self._pressed: tuple[QPointF, int] | None = None
        self._drag: str = ""
        self._wheel = 0.0
        self._pulse = QVariantAnimation(self)
        self._pulse.valueChanged.connect(self._pulse_moved)
        self._pulse.finished.connect(self.stop_pulse)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Graph over time")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    # What is shown

    @property
    def chain(self) -> Chain:
        """What is drawn: of many layers, one where they have no room together."""
        return self._chain

    def set_chain(self, chain: Chain, names: tuple[str, ...], unit: str) -> None:
        """Show a chain; `names` are those of its layers, `unit` that of the loss."""
        moved = chain.start != self._chain.start
        self._chain, self._names, self._unit = chain, names, unit
        if moved and self._cursor <= 0:
            self._first = chain.start
        self._first = self.places().first
        self._point()
        self.update()

    def set_cursor(self, column: int) -> None:
        """Outline a column and scroll so that it is in view."""
        if column != self._cursor:
            self._cursor = column
            self._reveal(column)
            self.update()

    def set_window(self, window: int) -> None:
        """Tell the steps of the window that the next run will have."""
        if window != self._window:
            self._window = window
            self.update()

    def set_note(self, note: str) -> None:
        """Say something in one quiet line."""
        if note != self._look.note:
            self._look = replace(self._look, note=note)
            self.update()

    def rows_fit(self, chain: Chain) -> bool:
        """Return whether all layers of a chain have room."""
        return rows_fit(self.height(), chain, self._scale)

    @property
    def in_view(self) -> tuple[int, int]:
        """The first and the last time step in view, counted from 1."""
        places = self.places()
        return max(0, places.first) + 1, places.last + 1

    @property
    def _scale(self) -> float:
        return max(1.0, theme().scale)

    def places(self) -> Places:
        """Return where everything stands now."""
        left = names_width(self._names)
        return places_of(QRectF(self.rect()), self._chain, self._first, left, self._scale)

    # Scrolling

    def scroll_to(self, first: int) -> None:
        """Bring a column to the left edge, as far as there are others to fill the well."""
        before, self._first = self.places().first, first
        self._first = self.places().first
        if self._first != before:
            self.stop_pulse()
            self._point()
            self.update()
            self.scrolled.emit()

    def _reveal(self, column: int) -> None:
        places = self.places()
        if column <= 0:
            self.scroll_to(self._chain.start)
        elif column < places.first + (places.first > self._chain.start):
            self.scroll_to(column - 1)
        elif column > places.last:
            self.scroll_to(column - places.count + 2)

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        delta = event.angleDelta()
        turned = delta.x() if abs(delta.x()) > abs(delta.y()) else delta.y()
        self._wheel -= turned / _NOTCH * _COLUMNS_A_NOTCH
        whole = math.trunc(self._wheel)
        self._wheel -= whole
        self.scroll_to(self.places().first + whole)
        self._tell_pointed()
        event.accept()

    # The pulse

    @property
    def pulse_runs(self) -> bool:
        """Whether a pulse is on its way."""
        return self._look.pulse is not None

    def start_pulse(self) -> None:
        """Send a pulse forward through the columns in view, and the gradient back.

        Where motion is reduced nothing moves by itself: each call goes one column on.
        """
        whole = 2 * self.places().count
        if theme().reduced_motion:
            self._step_pulse(whole)
            return
        self._pulse.setStartValue(0.0)
        self._pulse.setEndValue(float(whole))
        self._pulse.setDuration(PULSE_MS * whole)
        self._set_pulse(0.0)
        self._pulse.start()

    def _step_pulse(self, whole: int) -> None:
        done = 0.0 if self._look.pulse is None else self._look.pulse + 1
        if done >= whole:
            self.stop_pulse()
        else:
            self._set_pulse(done)

    @Slot()
    def stop_pulse(self) -> None:
        """End the pulse at once and show everything again."""
        if self._pulse.state() == QAbstractAnimation.State.Running:
            self._pulse.stop()
        if self._look.pulse is not None:
            self._set_pulse(None)

    def _set_pulse(self, done: float | None) -> None:
        changed = (done is None) != (self._look.pulse is None)
        self._look = replace(self._look, pulse=done)
        self.update()
        if changed:
            self.pulsing.emit(done is not None)

    @Slot(object)
    def _pulse_moved(self, done: object) -> None:
        if self._look.pulse is not None and isinstance(done, float):
            self._look = replace(self._look, pulse=done)
            self.update()

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        super().hideEvent(event)
        self.stop_pulse()

    # Pointer

    def _over_handle(self, place: QPointF) -> bool:
        places = self.places()
        grip = places.handle().adjusted(-_GRIP_PX, -_GRIP_PX, _GRIP_PX, _GRIP_PX)
        return self._chain.adjustable and places.sees(places.wall) and grip.contains(place)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self.stop_pulse()
        self._pressed = (event.position(), self.places().first)
        self._drag = "wall" if self._over_handle(event.position()) else ""
        if self._drag:
            self._look = replace(self._look, row=None)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._place = event.position()
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            self._point()
            self._tell_pointed()
        elif self._drag == "wall":
            self._look = replace(self._look, wall=event.position().x())
            self._window_dragged(event)
        else:
            self._scroll_dragged(event.position())
        self.update()

    def _scroll_dragged(self, place: QPointF) -> None:
        if self._pressed is None:
            return
        start, first = self._pressed
        if not self._drag and (place - start).manhattanLength() < _CLICK_PX:
            return
        self._drag = "scroll"
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.scroll_to(first - round((place.x() - start.x()) / self.places().pitch))

    def _window_dragged(self, event: QMouseEvent) -> None:
        wanted = self._wanted(event.position(), event.modifiers())
        self._look = replace(self._look, caption=f"next run: window {wanted:,}")

    def _wanted(self, place: QPointF, modifiers: Qt.KeyboardModifier) -> int:
        """Return the window for a place of the handle: one step a column, ten with Shift."""
        if self._pressed is None:
            return self._window
        columns = round((self._pressed[0].x() - place.x()) / self.places().pitch)
        return _allowed(self._window + columns * _gain(modifiers))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        drag, wanted = self._drag, self._wanted(event.position(), event.modifiers())
        self._let_go()
        column = self.places().column_at(event.position())
        if drag == "wall" and wanted != self._window:
            self.window_wanted.emit(wanted)
        elif not drag and column is not None and column >= 0:
            self.picked.emit(column)

    def _let_go(self) -> None:
        self._pressed, self._drag = None, ""
        self._look = replace(self._look, wall=None)
        self._point()
        self.update()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._place = None
        self._point()
        self.update()
        self.pointed.emit(-1)

    def _point(self) -> None:
        """Find out what is under the pointer now."""
        places, place = self.places(), self._place
        handle = place is not None and self._over_handle(place)
        row = None if place is None or handle else places.row_at(place)
        self._look = replace(self._look, row=row, over_handle=handle)
        shape = Qt.CursorShape.SizeHorCursor if handle else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self.setToolTip(_HANDLE_TIP if handle else "")

    def _tell_pointed(self) -> None:
        """Tell the column under the pointer; only when a hand moved, never when the view did."""
        free = self._place is not None and not self._look.over_handle
        column = self.places().column_at(self._place) if free and self._place else None
        if column is not None and column >= 0:
            self.pointed.emit(column)

    # Keys

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(key, 0)
        places = self.places()
        pages = {
            Qt.Key.Key_PageUp: places.first - places.count,
            Qt.Key.Key_PageDown: places.first + places.count,
            Qt.Key.Key_Home: self._chain.start,
            Qt.Key.Key_End: self._chain.steps,
        }
        if way and modifiers & Qt.KeyboardModifier.AltModifier:
            self._nudge_window(-way * _gain(modifiers))
        elif way and not modifiers & Qt.KeyboardModifier.ShiftModifier:
            self.picked.emit(max(0, min(self._chain.steps - 1, self._cursor + way)))
        elif key in pages:
            self.scroll_to(pages[key])
        elif key == Qt.Key.Key_Escape and (self.pulse_runs or self._drag):
            self.stop_pulse()
            self._let_go()
        else:
            super().keyPressEvent(event)

    def _nudge_window(self, steps: int) -> None:
        wanted = _allowed(self._window + steps)
        if self._chain.adjustable and wanted != self._window:
            self.window_wanted.emit(wanted)

    # Painting

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, 128)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._reveal(self._cursor)
        self.scrolled.emit()

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours of the theme in force."""
        if theme().reduced_motion:
            self.stop_pulse()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            well, places = QRectF(self.rect()), self.places()
            ChainPainter(painter, self._chain, places, self._current_look()).paint(well)
            told = self._told(places)
            if told is not None:
                column, box = told
                self._paint_read_out(painter, places, column, box)

    def _current_look(self) -> Look:
        caption = self._look.caption if self._look.wall is not None else self._caption()
        cursor = min(self._cursor, self._chain.steps - 1) if self._chain.steps else None
        return replace(self._look, cursor=cursor, names=self._names, caption=caption)

    def _caption(self) -> str:
        """Say at the wall what ends there, and what the next run will do."""
        chain = self._chain
        if chain.link != "state":
            return ""
        if not chain.adjustable:
            return f"the sequence begins here, {chain.window:,} steps"
        words = f"gradient stops here, window {chain.window:,}"
        return words if self._window == chain.window else f"{words}; next run {self._window:,}"

    def _paint_read_out(
        self, painter: QPainter, places: Places, column: int, box: ReadOut
    ) -> None:
        """Paint what is known of a column beside it, on the side with more room."""
        well, x, half = QRectF(self.rect()), places.x(column), places.pitch / 2
        if x < well.center().x():
            edge = x + half - 10
        else:
            edge = x - half + 10
            well.setRight(x + half)  # no room is left at the right, so it goes to the left
        frame = Frame(well, Scale(0.0, max(1.0, well.width())), Scale(0.0, 1.0))
        paint_read_out(painter, frame, edge, box)

    def _told(self, places: Places) -> tuple[int, ReadOut] | None:
        """Return the column under the pointer and what to tell of it."""
        if self._place is None or self._drag or self.pulse_runs or self._look.over_handle:
            return None
        column = places.column_at(self._place)
        if column is None or not self._chain.start <= column < self._chain.steps:
            return None
        box = self.read_out(column)
        return (column, box) if box.rows or box.note else None

    def read_out(self, column: int) -> ReadOut:
        """Return what is known of a column; before 0 lies the window before."""
        chain = self._chain
        shared = ""
        if self._look.row is not None:
            shared = f"the same weights in all {chain.steps:,} steps"
        rows: list[tuple[None, str, str]] = []
        if column < 0:
            rows += [
                (None, f"cut off, dL/dh₀{each}", _number(row.norm(-1)))
                for each, row in reversed(self._named_rows())
                if row.gradient
            ]
            return ReadOut("The window before", tuple(rows), shared or "its state is carried over")
        if chain.loss is not None:
            rows.append((None, f"loss, {self._unit}", _number(float(chain.loss[column]), ".3f")))
        for each, row in reversed(self._named_rows()):
            if row.gradient is not None:
                rows.append((None, f"dL/dh{each}", _number(row.norm(column))))
                direct = float(row.gradient.direct_h[column])
                rows.append((None, f"direct part{each}", _number(direct)))
        for key, weight in chain.strongest(column):
            rows.append((None, f"looks at {_quoted(chain.tokens[key])}, t {key + 1}",
                         _number(weight, ".3f")))  # fmt: skip
        return ReadOut(self._title(column), tuple(rows), shared)

    def _named_rows(self) -> list[tuple[str, CellRow]]:
        """Return the layers, each with what tells it from the others, "" for a single one."""
        many = len(self._chain.rows) > 1
        names = [f", {name}" if many else "" for name in self._names]
        return list(zip(names, self._chain.rows, strict=True))

    def _title(self, column: int) -> str:
        chain = self._chain
        token, target = chain.tokens[column], chain.targets[column]
        reads = f"  reads {_quoted(token)}" if token else ""
        return f"t {column + 1}{reads}" + (f", {_quoted(target)} should follow" if target else "")


_HANDLE_TIP = (
    "Drag to change the window, Shift for steps of ten (Alt+Left, Alt+Right). "
    "The next run takes it; this one keeps its own."
)


def _gain(modifiers: Qt.KeyboardModifier) -> int:
    return _FASTER if modifiers & Qt.KeyboardModifier.ShiftModifier else 1


def _allowed(window: int) -> int:
    declared = TrainingSettings.param("window")
    return int(max(declared.low, min(declared.high, window)))


def _number(value: float, form: str = "auto") -> str:
    return format_number(value, form)


def _quoted(token: str) -> str:
    return "“␣”" if token == " " else f"“{shown_text(token)}”" if token else "x"
