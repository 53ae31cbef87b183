"""A recurrent block unrolled on the canvas: its copies side by side, and where the gradient stops.

What is unrolled is a matter of the view: the document and its history know nothing of it. Only a
drag of the bracket changes the window, as one step of the history.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.document.edits import SetSetting
from seqstudio.document.graph import Path
from seqstudio.document.settings import TrainingSettings
from seqstudio.records.readings import GradientReading
from seqstudio.studio.canvas.hands.gestures import Gesture, Pointer
from seqstudio.studio.canvas.items.block_item import BlockItem
from seqstudio.studio.canvas.items.ink import LOD_TEXT, CanvasItem, scene_pen
from seqstudio.studio.panels.chain import CellRow, Chain
from seqstudio.studio.panels.chain_paint import paint_bracket, paint_gradient
from seqstudio.studio.theme import faded, mix, theme
from seqstudio.studio.widgets import format_number

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView
    from seqstudio.studio.session import Session

ALL_SHOWN = 5
PITCH, COPY = 108.0, (64.0, 40.0)
_DROP, _HEAD = 36.0, 34.0
_LEFT, _RIGHT = 66.0, 34.0
_OUT, _IN, _FOOT = 46.0, 46.0, 30.0
_HANDLE = (8.0, 24.0)
_WALL = 30.0
_ABOVE, _BELOW = -6.0, 8.0
_ABOVE_BLOCKS = 4.0
_DOUBLING = 110.0  # pixels of a drag that double the window
_GAP = "⋯"


def columns_of(steps: int) -> tuple[int | None, ...]:
    """Return the time steps that are drawn, from 0; None stands for those left out."""
    if steps <= ALL_SHOWN:
        return tuple(range(steps))
    return (0, None, steps - 3, steps - 2, steps - 1)


def name_of(step: int, steps: int) -> str:
    """Return the name of a time step: "1" at the start of a window, then "t−2", "t−1", "t"."""
    back = steps - 1 - step
    if step == 0 and steps > 1:
        return "1"
    return "t" if back == 0 else f"t−{back}"


@dataclass(frozen=True)
class Unrolled:
    """What the copies of a block show.

    Attributes:
        title: Name of the block.
        role: Colour of the copies.
        letter: Name of the state: "h" or "h, c".
        steps: Time steps T.
        window: Steps after which the gradient stops.
        adjustable: The window is a setting that a person may change.
        carried: A state comes in from the window before.
        chain: Measured gradients, rows of all layers; without rows before the first reading.
        row: Which of them belongs to this block.
    """

    title: str
    role: str
    letter: str
    steps: int
    window: int
    adjustable: bool = False
    carried: bool = False
    chain: Chain = field(default_factory=Chain)
    row: int = 0

    @property
    def measured(self) -> bool:
        """Whether a gradient is there."""
        return bool(self.chain.rows)

    def norm(self, column: int) -> float:
        """Return the norm of dL/dh after a step, -1 for the state it starts from; or NaN."""
        return self.chain.rows[self.row].norm(column) if self.measured else math.nan


class UnrolledCopies(CanvasItem):
    """Copies of a block under it, joined by their state.

    Attributes:
        shown: What is drawn.
        preview: Window while the bracket is dragged, else None.
    """

    def __init__(self, block: BlockItem, shown: Unrolled) -> None:
        super().__init__()
        self.setZValue(_ABOVE_BLOCKS)
        self.preview: int | None = None
        self._drag = 0.0
        self.tell(block, shown)

    def tell(self, block: BlockItem, shown: Unrolled) -> None:
        """Show something; place and size follow the block above."""
        self.shown = shown
        self._above = block.layout.body
        self.setPos(block.pos())
        self._columns = columns_of(shown.steps)
        wide = _LEFT + (len(self._columns) - 1) * PITCH + COPY[0] + _RIGHT
        tall = _HEAD + _OUT + COPY[1] + _IN + _FOOT
        left, top = (self._above.width() - wide) / 2, self._above.bottom()
        self.setRect(QRectF(left, top, wide, _DROP + tall))
        self.sheet = QRectF(left, top + _DROP, wide, tall)
        self.update()

    def area(self) -> QRectF:
        """Return the sheet with the copies, in scene coordinates."""
        return self.sheet.translated(self.pos())

    def drag_to(self, shift: float, window: int | None) -> None:
        """Show the bracket moved by so many pixels with the window it stands for."""
        self._drag, self.preview = shift, window
        self.update()

    def handle(self) -> QRectF:
        """Return the handle of the bracket in scene coordinates; empty without one."""
        if not self.shown.adjustable:
            return QRectF()
        at = QRectF(0, 0, *_HANDLE)
        at.moveCenter(QPointF(self._wall(), self._row() + COPY[1] / 2 + 12))
        return at.translated(self.pos())

    def words(self) -> str:
        """Return what stands below the copies."""
        shown = self.shown
        window = self.preview or shown.window
        if self.preview is not None or (shown.adjustable and shown.steps == shown.window):
            return f"gradient stops here, window {window:,}"
        return "the sequence begins here"

    # Places

    def _row(self) -> float:
        return self.sheet.top() + _HEAD + _OUT + COPY[1] / 2

    def _wall(self) -> float:
        return self.sheet.left() + _LEFT - _WALL + self._drag

    def _copy(self, place: int) -> QRectF:
        left = self.sheet.left() + _LEFT + place * PITCH
        return QRectF(left, self._row() - COPY[1] / 2, *COPY)

    # Painting

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        style = theme()
        near = option.levelOfDetailFromTransform(painter.worldTransform()) >= LOD_TEXT
        painter.setPen(scene_pen(1.0, style.color("lineStrong")))
        painter.setBrush(faded(style.color("surface1"), 0.96))
        painter.drawRoundedRect(self.sheet, 10, 10)
        self._draw_weights(painter)
        self._draw_states(painter)
        for place, step in enumerate(self._columns):
            if step is not None:
                self._draw_copy(painter, place, step, near)
            elif near:
                self._write(painter, self._copy(place), _GAP, "title", "textMid")
        self._draw_wall(painter)
        if near:
            self._draw_words(painter)

    def _draw_weights(self, painter: QPainter) -> None:
        """Draw the thin line that joins the block with every copy: they share its weights."""
        colour = faded(theme().role(self.shown.role), 0.75)
        painter.setPen(scene_pen(1.25, colour))
        top, y = self._above.bottom(), self.sheet.top() + _HEAD
        middle = self._above.center().x()
        painter.drawLine(QPointF(middle, top), QPointF(middle, y))
        drops = [self._copy(p).left() + 12 for p, step in enumerate(self._columns)
                 if step is not None]  # fmt: skip
        painter.drawLine(QPointF(min(middle, drops[0]), y), QPointF(max(middle, drops[-1]), y))
        for x in drops:
            painter.drawLine(QPointF(x, y), QPointF(x, self._row() - COPY[1] / 2))

    def _draw_states(self, painter: QPainter) -> None:
        """Draw the state from copy to copy, and the gradient that comes back."""
        last = len(self._columns) - 1
        for place in range(last):
            ends = self._copy(place).right(), self._copy(place + 1).left()
            hidden = self._columns[place] is None
            start = ends[0] - (14 if hidden else 0)
            end = ends[1] + (14 if self._columns[place + 1] is None else 0)
            self._draw_state(painter, start, end)
            step = self._columns[place]
            following = self._columns[place + 1]
            column = step if step is not None else (following or 0) - 1
            self._draw_back(painter, end, start, column)
        left, first = self.sheet.left() + 12, self._copy(0).left()
        if self.shown.carried:
            painter.save()
            painter.setOpacity(painter.opacity() * 0.5)
            self._draw_state(painter, left, first)
            painter.restore()
            self._draw_stub(painter, first)

    def _draw_state(self, painter: QPainter, start: float, end: float) -> None:
        style, y = theme(), self._row() + _ABOVE
        colour = faded(style.role("forward"), 0.82)
        for width, ink in (
            (style.stroke("wireStateOuter"), colour),
            (style.stroke("wireStateInner"), style.color("surface1")),
        ):
            painter.setPen(scene_pen(width, ink))
            painter.drawLine(QPointF(start, y), QPointF(end, y))

    def _draw_back(self, painter: QPainter, start: float, end: float, column: int) -> None:
        if not self.shown.measured:
            return
        arrow = self.shown.chain.arrow(self.shown.row, column)
        if arrow is not None:
            y = self._row() + _BELOW
            paint_gradient(painter, QPointF(start - 2, y), QPointF(end + 2, y), arrow)

    def _draw_stub(self, painter: QPainter, first: float) -> None:
        """Draw the gradient that is cut off: dots that end behind the bracket."""
        if self.shown.measured and self.shown.norm(-1) > 0:
            y, colour = self._row() + _BELOW, theme().role("gradient")
            painter.setPen(scene_pen(1.5, colour, theme().dash("truncated")))
            painter.drawLine(QPointF(first - 2, y), QPointF(self._wall() - 10, y))

    def _draw_copy(self, painter: QPainter, place: int, step: int, near: bool) -> None:
        style, box = theme(), self._copy(place)
        role, well = style.role(self.shown.role), style.color("surface1")
        middle = box.center().x()
        painter.setPen(scene_pen(1.5, faded(style.role("forward"), 0.82)))
        for low, high in ((box.bottom() + 22, box.bottom() + 1), (box.top() - 1, box.top() - 22)):
            painter.drawLine(QPointF(middle, low), QPointF(middle, high))
            painter.drawLine(QPointF(middle, high), QPointF(middle - 3.5, high + 5))
            painter.drawLine(QPointF(middle, high), QPointF(middle + 3.5, high + 5))
        painter.setPen(scene_pen(1.5, role))
        painter.setBrush(mix(role, well, 0.23))
        painter.drawRoundedRect(box, style.radius("button"), style.radius("button"))
        if near:
            index = name_of(step, self.shown.steps)
            self._letter(painter, box, self.shown.letter.partition(",")[0], index, "textHi")
            above = QRectF(box.left(), box.top() - 42, box.width(), 20)
            below = QRectF(box.left(), box.bottom() + 23, box.width(), 20)
            self._letter(painter, above, "y", index, "textMid")
            self._letter(painter, below, "x", index, "textMid")

    def _letter(self, painter: QPainter, box: QRectF, letter: str, index: str, token: str) -> None:
        """Write a letter with a subscript in the middle of a box."""
        style = theme()
        large, small = style.font("mono"), style.font("axis")
        wide = QFontMetricsF(large).horizontalAdvance(letter)
        both = wide + 1 + QFontMetricsF(small).horizontalAdvance(index)
        left = box.center().x() - both / 2
        base = box.center().y() + QFontMetricsF(large).capHeight() / 2
        painter.setPen(style.color(token))
        painter.setFont(large)
        painter.drawText(QPointF(left, base), letter)
        painter.setFont(small)
        painter.drawText(QPointF(left + wide + 1, base + 4), index)

    @staticmethod
    def _write(painter: QPainter, box: QRectF, text: str, font: str, token: str) -> None:
        painter.setFont(theme().font(font))
        painter.setPen(theme().color(token))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _draw_wall(self, painter: QPainter) -> None:
        """Draw the bracket where the gradient stops, with its handle."""
        style, x = theme(), self._wall()
        own = self.shown.adjustable
        colour = style.role("gradient") if own else style.color("border")
        dash = style.dash("validation") if self.preview is not None else ()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(scene_pen(2.0 if own else 1.25, colour, dash))
        half = COPY[1] / 2 + 26
        paint_bracket(painter, x, self._row() - half, self._row() + half)
        if own:
            handle = self.handle().translated(-self.pos())
            ring = style.color("textHi" if self.preview is not None else "surface1")
            painter.setPen(scene_pen(1.5, ring))
            painter.setBrush(style.role("gradient"))
            painter.drawRoundedRect(handle, _HANDLE[0] / 2, _HANDLE[0] / 2)

    def _draw_words(self, painter: QPainter) -> None:
        style, sheet = theme(), self.sheet
        head = QRectF(sheet.left() + 14, sheet.top() + 4, sheet.width() - 28, _HEAD - 10)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(style.font("small"))
        painter.setPen(style.color("textHi"))
        title = f"{self.shown.title} over {self.shown.steps:,} steps"
        painter.drawText(head, middle, title)
        painter.setPen(style.color("textMid"))
        painter.drawText(head, middle | Qt.AlignmentFlag.AlignRight, "same weights in every copy")
        foot = QRectF(sheet.left() + 14, sheet.bottom() - _FOOT + 2, sheet.width() - 28, 22)
        painter.setFont(style.font("axis"))
        painter.setPen(style.color("textHi" if self.preview is not None else "textMid"))
        painter.drawText(foot, middle, self.words())
        if self.shown.measured:
            norm = format_number(self.shown.norm(0))
            painter.setPen(style.role_text("gradient", "surface1"))
            told = f"dL/dh₁ {norm}, dL/dhₜ {format_number(self.shown.norm(self.shown.steps - 1))}"
            painter.drawText(foot, middle | Qt.AlignmentFlag.AlignRight, told)


class DragWindow(Gesture):
    """Drag the bracket: to the left for a longer window, twice as long every 110 pixels."""

    def __init__(self, view: CanvasView, start: Pointer, copies: UnrolledCopies) -> None:
        super().__init__(view, start)
        self._copies = copies
        self._window = copies.shown.window

    def _at(self, pointer: Pointer) -> int:
        shift = pointer.scene.x() - self.first.scene.x()
        param = TrainingSettings.param("window")
        wanted = self._window * 2.0 ** (-shift / _DOUBLING)
        return int(min(max(round(wanted), param.low), param.high))

    @override
    def move(self, pointer: Pointer) -> None:
        """Show the window that the bracket stands for."""
        shift = max(-24.0, min(pointer.scene.x() - self.first.scene.x(), 20.0))
        self._copies.drag_to(shift, self._at(pointer))

    @override
    def end(self, pointer: Pointer) -> None:
        """Set the window, in one step of the history."""
        window = self._at(pointer)
        self.cancel()
        if window != self._window:
            self.view.unroller.set_window(window)

    @override
    def cancel(self) -> None:
        """Leave the window as it was."""
        self._copies.drag_to(0.0, None)


class Unroller(QObject):
    """Which blocks of a canvas are unrolled, and what their copies show.

    Attributes:
        copies: The copies in view, by block.
    """

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self._open: set[tuple[Path, str]] = set()
        self._adjustable = False
        self._reading: GradientReading | None = None
        self.copies: dict[str, UnrolledCopies] = {}
        view.canvas.rerouted.connect(self.follow)

    def recurrent(self) -> list[str]:
        """Return the blocks in view that can be unrolled."""
        items = self._view.canvas.blocks.items()
        return [key for key, item in items if item.layout.state is not None and self._steps(key)]

    def is_open(self, key: str) -> bool:
        """Tell whether a block is unrolled."""
        return (self._path, key) in self._open

    def toggle(self, *keys: str) -> bool:
        """Unroll blocks, or fold them when all of them are unrolled; False without one."""
        known = [key for key in keys if key in self.recurrent()]
        places = {(self._path, key) for key in known}
        self._open = self._open - places if places <= self._open else self._open | places
        self.show()
        if self._view.fits_itself:
            self._view.fit()
        return bool(known)

    def toggle_chosen(self) -> bool:
        """Unroll or fold the selected blocks, all recurrent ones without a selection."""
        every = self.recurrent()
        chosen = [key for key in self._view.selection if key in every]
        if not every:
            self._view.editor.message.emit("No block here carries a state through time")
            return False
        return self.toggle(*(chosen or every))

    def tell(self, reading: GradientReading | None, adjustable: bool) -> None:
        """Take a measured gradient, and whether the window is the person's to change."""
        self._reading, self._adjustable = reading, adjustable
        self.show()

    @Slot()
    def follow(self) -> None:
        """Put the copies under their blocks, which have moved."""
        blocks = self._view.canvas.blocks
        for key, copies in self.copies.items():
            if key in blocks:
                copies.setPos(blocks[key].pos())

    def show(self) -> None:
        """Make the copies those of the graph in view."""
        blocks = self._view.canvas.blocks
        wanted = [key for key in self.recurrent() if self.is_open(key)]
        for key in [key for key in self.copies if key not in wanted]:
            self._view.canvas.removeItem(self.copies.pop(key))
        for key in wanted:
            if key in self.copies:
                self.copies[key].tell(blocks[key], self._shown(key))
            else:
                self.copies[key] = UnrolledCopies(blocks[key], self._shown(key))
                self._view.canvas.addItem(self.copies[key])
        self._view.canvas.set_beside(each.area() for each in self.copies.values())

    def grab(self, at: Pointer) -> tuple[bool, Gesture | None]:
        """Tell whether a press hits copies, and the gesture it starts."""
        reach = 4.0 / min(1.0, self._view.zoom())
        for copies in self.copies.values():
            if copies.handle().adjusted(-reach, -reach, reach, reach).contains(at.scene):
                return True, DragWindow(self._view, at, copies)
            if copies.area().contains(at.scene):
                return True, None
        return False, None

    def set_window(self, window: int) -> None:
        """Set the truncation window in the document."""
        edit = SetSetting("training", "window", window, "Change window")
        try:
            self._view.editor.document.apply(edit)
        except SeqError as error:
            self._view.editor.message.emit(error.sentence())

    @property
    def _path(self) -> Path:
        return self._view.editor.place.path

    def _steps(self, key: str) -> int:
        """Return the time steps of a block, 0 when it reads no sequence."""
        context = self._view.report.contexts.get(key)
        shapes = context.ins.values() if context else ()
        axis = next((shape.axis for shape in shapes if shape.axis), "")
        return context.facts.size(axis) if context and axis else 0

    def _shown(self, key: str) -> Unrolled:
        item, training = self._view.canvas.blocks[key], self._view.editor.document.project.training
        steps = self._steps(key)
        rows = tuple(self._rows())
        mine = [number for number, row in enumerate(rows) if row.block == key and not self._path]
        return Unrolled(
            title=item.face.title,
            role=item.face.role,
            letter=item.face.loop,
            steps=steps,
            window=training.window,
            adjustable=self._adjustable and steps == training.window,
            carried=self._adjustable and training.carry and steps == training.window,
            chain=Chain(rows=rows) if mine else Chain(),
            row=mine[-1] if mine else 0,
        )

    def _rows(self) -> Iterator[CellRow]:
        for layer in self._reading.layers if self._reading else ():
            yield CellRow(layer.block, layer.layer, layer)


class UnrollDesk(QObject):
    """Tells the copies on a canvas what was measured at the training step in view."""

    def __init__(self, view: CanvasView, session: Session) -> None:
        super().__init__(view)
        self._view = view
        self._session = session
        session.events.connect(self._arrived)
        session.cursor_changed.connect(self._tell)
        session.run_changed.connect(self._tell)
        session.facts_changed.connect(self._tell)

    @Slot(object)
    def _arrived(self, kinds: object) -> None:
        if isinstance(kinds, frozenset) and GradientReading in kinds:
            self._tell()

    @Slot()
    def _tell(self) -> None:
        session, data = self._session, self._session.dataset
        reading = session.history.gradients.at(session.step_in_view)
        adjustable = data is not None and not data.generated
        self._view.unroller.tell(reading, adjustable)
