"""The first tour: five marks on real controls, skippable, to be had again from the Help menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from seqstudio.studio.widgets import CoachMark

if TYPE_CHECKING:
    from seqstudio.studio.window import MainWindow


class Tour(QObject):
    """Shows one mark after the other.

    Signals:
        ended: the last mark was read, or the tour skipped.
    """

    ended = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._mark: CoachMark | None = None
        self._step = 0

    def _stops(self) -> list[tuple[str, QWidget, str]]:
        window, build = self._window, self._window.build
        return [
            ("build", window.transport.play,
             "Press Train. The loss starts to fall within seconds; pause, step and stop are "
             "beside it."),
            ("build", build.palette_side,
             "Drag a block onto the canvas or onto a wire. Space searches; a wire dropped on "
             "empty canvas offers what fits."),
            ("build", build.inspector_dock,
             "Click a block to change it here: try another cell, or the forget bias. Everything "
             "can be undone."),
            ("build", window.switch,
             "Look inside shows how far the gradient reaches and what attention sees. Listen "
             "plays what the model writes."),
            ("build", window.clocks,
             "Two clocks: drag the upper one to go back in training, the lower one to move "
             "through the text. All panels follow."),
        ]  # fmt: skip

    def start(self) -> None:
        """Begin with the first mark."""
        self.end()
        self._step = 0
        self._show()

    def _show(self) -> None:
        stops = self._stops()
        page, target, words = stops[self._step]
        self._window.show_page(page)
        if target is self._window.build.inspector_dock:
            self._window.build.show_gallery(False)
        self._mark = CoachMark(target, words, self._step + 1, len(stops))
        self._mark.next_pressed.connect(self._next)
        self._mark.skipped.connect(self.end)
        self._mark.show()

    @Slot()
    def _next(self) -> None:
        self._close_mark()
        self._step += 1
        if self._step < len(self._stops()):
            self._show()
        else:
            self.end()

    @Slot()
    def end(self) -> None:
        """Take the mark away."""
        self._close_mark()
        self.ended.emit()

    def _close_mark(self) -> None:
        if self._mark is not None:
            self._mark.hide()
            self._mark.deleteLater()
            self._mark = None
