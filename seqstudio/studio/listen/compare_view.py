"""`CompareView`: takes one over the other on one time axis, heard in turns at the same beat."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.listen.shelf_file import KeptTake
from seqstudio.studio.listen.take_card import facts_of
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.listen.thumbnail import Thumbnail
from seqstudio.studio.widgets import ElidedLabel, IconButton, Label

MOST = 8
LETTERS = "ABCDEFGH"


class CompareView(QWidget):
    """Rows of small rolls with a common playhead; a row is heard from where the others are.

    Signals:
        left(str): the person takes the take with this key out of the comparison.
    """

    left = Signal(str)

    def __init__(self, desk: TakeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.rows: list[CompareRow] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Comparison of takes")
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(8, 8, 8, 8)
        self._column.setSpacing(6)
        words = "Press A, B, C … to hear another take from the same beat, Space to play or pause."
        self._column.addWidget(Label(words, "small", "textLow", wrap=True))
        self._column.addStretch(1)
        scroll.setWidget(inside)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(scroll)
        desk.listen.moved.connect(self._mark)
        desk.listen.playing_changed.connect(self._mark)
        desk.listen.take_changed.connect(self._mark)

    def set_takes(self, takes: list[KeptTake]) -> None:
        """Show these takes, at most eight, in this order."""
        shown = takes[:MOST]
        if [row.kept for row in self.rows] == shown:
            return
        while self.rows:
            row = self.rows.pop()
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        beats = max((float(each.take.score.end_beats) for each in shown), default=0.0)
        for number, kept in enumerate(shown):
            row = CompareRow(LETTERS[number], kept, beats)
            row.heard.connect(self.hear)
            row.picked.connect(self._seek)
            row.left.connect(self.left)
            self._column.insertWidget(number + 1, row)
            self.rows.append(row)
        self._mark()

    @Slot(object)
    def hear(self, kept: object) -> None:
        """Listen to a take from the beat where the playhead is; the one that sounds pauses."""
        listen = self.desk.listen
        if not isinstance(kept, KeptTake):
            return
        if listen.take is kept.take:
            listen.toggle()
            return
        compared = any(row.kept.take is listen.take for row in self.rows)
        self.desk.listen_to(kept, at_same_beat=compared)
        if not listen.playing:
            listen.play()

    @Slot(object, float)
    def _seek(self, kept: object, beats: float) -> None:
        if isinstance(kept, KeptTake) and self.desk.listen.take is not kept.take:
            self.desk.listen_to(kept)
        self.desk.listen.seek(beats)

    @Slot()
    def _mark(self, _playing: bool = False) -> None:
        listen = self.desk.listen
        current: Take | None = listen.take
        shared = any(row.kept.take is current for row in self.rows)
        for row in self.rows:
            row.mark(row.kept.take is current, listen.playing,
                     listen.position_beats if shared else None)  # fmt: skip

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        letter = event.text().upper()
        place = LETTERS.find(letter) if letter else -1
        if event.key() == Qt.Key.Key_Space:
            self.desk.listen.toggle()
        elif 0 <= place < len(self.rows):
            self.hear(self.rows[place].kept)
        else:
            super().keyPressEvent(event)


class CompareRow(QWidget):
    """A take in a comparison.

    Signals:
        heard(object): its `KeptTake` is to be heard.
        picked(object, float): the take and the place of a click in its notes, in beats.
        left(str): its key; it leaves the comparison.
    """

    heard = Signal(object)
    picked = Signal(object, float)
    left = Signal(str)

    def __init__(self, letter: str, kept: KeptTake, beats: float) -> None:
        super().__init__()
        self.kept = kept
        self.button = IconButton("play", f"Hear take {letter}")
        self._letter = Label(letter, "mono", "textMid")
        self.picture = Thumbnail((200, 44), pickable=True)
        self.picture.set_take(kept.take, beats)
        self.picture.place_picked.connect(lambda at: self.picked.emit(self.kept, at))
        close = IconButton("close", "Take out of the comparison")
        close.clicked.connect(partial(self.left.emit, kept.key))
        self.button.clicked.connect(partial(self.heard.emit, kept))
        top = QHBoxLayout()
        top.setSpacing(8)
        for widget in (self._letter, self.button):
            top.addWidget(widget)
        top.addWidget(ElidedLabel(kept.title, "body", "textHi"), 1)
        top.addWidget(ElidedLabel(facts_of(kept), "small", "textMid"), 1)
        top.addWidget(Label("★" * kept.stars, "small", "warn"))
        top.addWidget(close)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addLayout(top)
        rows.addWidget(self.picture)

    def mark(self, current: bool, playing: bool, head: float | None) -> None:
        """Show whether it is heard, and where the playhead is."""
        self.button.set_icon("pause" if current and playing else "play")
        self._letter.set_tone("accent" if current else "textMid")
        self.picture.set_head(head)
