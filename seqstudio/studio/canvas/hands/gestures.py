"""Gestures with the pointer. One object each: start, move, end, cancel.

A gesture changes the document only in `end`, in one step; `cancel` leaves document and history
as they were and takes everything away that it drew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from typing_extensions import override

from seqstudio.studio.canvas.items.transient import RubberItem, Transient

if TYPE_CHECKING:
    from seqstudio.studio.canvas.view import CanvasView

_THRESHOLD_PX = 4


@dataclass(frozen=True)
class Pointer:
    """Where the pointer is.

    Attributes:
        scene: In the scene.
        view: In the viewport.
        modifiers: Keys held.
    """

    scene: QPointF
    view: QPoint
    modifiers: Qt.KeyboardModifier

    def has(self, key: Qt.KeyboardModifier) -> bool:
        """Tell whether a modifier is held."""
        return bool(self.modifiers & key)


class Gesture(ABC):
    """One press, drag and release."""

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        self.view = view
        self.first = start
        self._drawn: list[Transient] = []

    def show(self, item: Transient) -> None:
        """Draw something for as long as the gesture lasts."""
        self.view.canvas.addItem(item)
        self._drawn.append(item)

    def clear(self) -> None:
        """Take away what was drawn."""
        for item in self._drawn:
            self.view.canvas.removeItem(item)
        self._drawn.clear()

    def far(self, pointer: Pointer) -> bool:
        """Tell whether the pointer has left the place where it was pressed."""
        away = pointer.view - self.first.view
        return away.manhattanLength() >= _THRESHOLD_PX

    @abstractmethod
    def move(self, pointer: Pointer) -> None:
        """Follow the pointer."""

    @abstractmethod
    def end(self, pointer: Pointer) -> None:
        """Do what the gesture is for."""

    @abstractmethod
    def cancel(self) -> None:
        """Leave everything as it was."""


class Pan(Gesture):
    """Moves the view over the canvas.

    Args:
        view: The canvas.
        start: Where it was pressed.
        dots: A press that does not move puts a dot on the wire there.
    """

    def __init__(self, view: CanvasView, start: Pointer, dots: bool = False) -> None:
        super().__init__(view, start)
        self._last = start.view
        self._dots = dots
        view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    @override
    def move(self, pointer: Pointer) -> None:
        self.view.shift_by(pointer.view - self._last)
        self._last = pointer.view

    @override
    def end(self, pointer: Pointer) -> None:
        self.view.viewport().unsetCursor()
        wire = self.view.wire_under(pointer.scene) if self._dots else None
        if wire is not None and not self.far(pointer):
            self.view.arrange.add_dot_at(wire, pointer.scene)

    @override
    def cancel(self) -> None:
        self.view.shift_by(self.first.view - self._last)
        self.view.viewport().unsetCursor()


class BoxSelect(Gesture):
    """Selects what a rectangle touches; Shift adds to what is selected.

    Frames are selected when they lie in it, so that one can select blocks inside of a frame.
    """

    def __init__(self, view: CanvasView, start: Pointer) -> None:
        super().__init__(view, start)
        editor = view.editor
        self._before = editor.selection, editor.wire, editor.frames, editor.dots
        adds = start.has(Qt.KeyboardModifier.ShiftModifier)
        self._kept = self._before if adds else ((), None, (), ())
        self._rubber: RubberItem | None = None

    @override
    def move(self, pointer: Pointer) -> None:
        if self._rubber is None:
            if not self.far(pointer):
                return
            self._rubber = RubberItem()
            self.show(self._rubber)
        rect = QRectF(self.first.scene, pointer.scene).normalized()
        self._rubber.stretch(rect)
        canvas, (blocks, _, frames, dots) = self.view.canvas, self._kept
        self.view.editor.select(
            (*blocks, *canvas.blocks_in(rect)),
            None,
            (*frames, *canvas.frames_in(rect)),
            dict.fromkeys((*dots, *canvas.dots_in(rect))),
        )

    @override
    def end(self, pointer: Pointer) -> None:
        if self._rubber is None:
            self.view.editor.select(*self._kept)
        self.clear()

    @override
    def cancel(self) -> None:
        self.clear()
        self.view.editor.select(*self._before)
