"""`PianoKeys`: two octaves to play with the pointer or with the computer's keyboard."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, pen, theme

ROW = "AWSEDFTGYHUJKOLP"
"""Keys of the computer from C on, as they lie: the upper row has the black ones."""
_WHITE = (0, 2, 4, 5, 7, 9, 11)
_BLACK = {1: 0.62, 3: 1.72, 6: 3.6, 8: 4.66, 10: 5.72}
OCTAVES, LOWEST, HIGHEST = 2, 24, 96
_HEIGHT = 64


class PianoKeys(QWidget):
    """A small keyboard; the octave moves with Z and X.

    Signals:
        pressed(int), released(int): pitch of a key that goes down or comes up.
    """

    pressed = Signal(int)
    released = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lowest = 60
        self._down: set[int] = set()
        self._by_key: dict[int, int] = {}
        self._by_mouse: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Piano keys")
        self.setToolTip("Play with the pointer, or with A W S E D F …; Z and X move the octave")
        follow_theme(self)

    @override
    def sizeHint(self) -> QSize:
        return QSize(280, _HEIGHT)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, _HEIGHT)

    def set_octave(self, lowest: int) -> None:
        """Begin with another C."""
        self.lowest = min(HIGHEST, max(LOWEST, lowest))
        self.update()

    def show_down(self, pitch: int, down: bool) -> None:
        """Show a key that somebody presses on another keyboard."""
        (self._down.add if down else self._down.discard)(pitch)
        self.update()

    # Playing

    def _press(self, pitch: int) -> None:
        if pitch not in self._down:
            self.show_down(pitch, True)
            self.pressed.emit(pitch)

    def _release(self, pitch: int) -> None:
        if pitch in self._down:
            self.show_down(pitch, False)
            self.released.emit(pitch)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        letter = event.text().upper()
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if plain and letter and letter in ROW:
            if not event.isAutoRepeat():
                pitch = self.lowest + ROW.index(letter)
                self._by_key[event.key()] = pitch
                self._press(pitch)
        elif plain and letter and letter in "ZX":
            self.set_octave(self.lowest + (12 if letter == "X" else -12))
        else:
            super().keyPressEvent(event)

    @override
    def keyReleaseEvent(self, event: QKeyEvent, /) -> None:
        if event.isAutoRepeat() or event.key() not in self._by_key:
            super().keyReleaseEvent(event)
        else:
            self._release(self._by_key.pop(event.key()))

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        """Let go of everything: the release of a key would go to another widget."""
        super().focusOutEvent(event)
        for pitch in [*self._by_key.values()]:
            self._release(pitch)
        self._by_key.clear()
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        self.setFocus()
        self._point(event.position())

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._point(event.position())

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._by_mouse is not None:
            self._release(self._by_mouse)
            self._by_mouse = None

    def _point(self, place: QPointF) -> None:
        pitch = self.pitch_at(place)
        if pitch == self._by_mouse:
            return
        if self._by_mouse is not None:
            self._release(self._by_mouse)
        self._by_mouse = pitch
        if pitch is not None:
            self._press(pitch)

    def pitch_at(self, place: QPointF) -> int | None:
        """Return the pitch of the key at a place."""
        for number, rect in self._keys(black=True):
            if rect.contains(place):
                return self.lowest + number
        found = (n for n, rect in self._keys(black=False) if rect.contains(place))
        return next((self.lowest + number for number in found), None)

    # Drawing

    def _keys(self, *, black: bool) -> list[tuple[int, QRectF]]:
        width = (self.width() - 1) / (7 * OCTAVES)
        height, found = self.height() - 1, []
        for octave in range(OCTAVES):
            left = octave * 7 * width + 0.5
            if black:
                for step, place in _BLACK.items():
                    rect = QRectF(left + place * width, 0.5, 0.62 * width, 0.6 * height)
                    found.append((12 * octave + step, rect))
            else:
                for column, step in enumerate(_WHITE):
                    rect = QRectF(left + column * width, 0.5, width, height)
                    found.append((12 * octave + step, rect))
        return found

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme().font("axis"))
            for black in (False, True):
                for number, rect in self._keys(black=black):
                    self._paint_key(painter, number, rect, black=black)
            if self.hasFocus():
                painter.setPen(pen(theme().color("focus"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _paint_key(self, painter: QPainter, number: int, rect: QRectF, *, black: bool) -> None:
        down = self.lowest + number in self._down
        light, dark = ("textMid", "surface0") if theme().is_dark else ("surface0", "textMid")
        painter.setPen(pen(theme().color("lineStrong")))
        painter.setBrush(theme().color("accent" if down else dark if black else light))
        painter.drawRoundedRect(rect, 2, 2)
        if self.hasFocus() and number < len(ROW):
            on_light = theme().is_dark != black
            painter.setPen(theme().color("canvas" if on_light else "textHi"))
            flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
            painter.drawText(rect.adjusted(0, 0, 0, -3), flags, ROW[number])
        elif number % 12 == 0 and not black:
            painter.setPen(theme().color("canvas" if theme().is_dark else "textMid"))
            flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
            name = f"C{(self.lowest + number) // 12 - 1}"
            painter.drawText(rect.adjusted(-4, 0, 4, -3), flags, name)
