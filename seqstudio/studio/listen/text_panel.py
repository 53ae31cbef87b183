"""`TextPanel`: the text that the model writes, token by token, with what is no good in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.music.abc import Problem
from seqstudio.music.score import Note, sounding_at
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.take_desk import TakeDesk
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import IconButton, TokenStrip

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

#: Surprise in nats at which the underline is solid: one chance in e⁴ ≈ 55.
SURPRISE = 4.0
_SHOWN = 40
_MOST_LINES = 3


class TextPanel(MusicPanel):
    """Tokens, underlined by surprise; the one at the playhead or under a pointer outlined."""

    title = "Text"
    explanation: ClassVar[Explanation] = Explanation(
        "The text as the model writes it, one token at a time: a character of ABC, a musical "
        "token, an event, a step, as its data are written. The underline is the surprise of the "
        "token, −ln p in nats: none when it was certain, solid from 4 nats on. Tokens of the "
        "prompt have none. Click one to hear the tune from there.\n\n"
        "Below is what the reader could not make sense of. It reads on after every problem, so "
        "that a half right tune can still be heard.",
        (r"s_i = -\ln p(x_i \mid x_{<i})",),
        "ABC standard 2.1 for tunes in ABC",
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.strip = TokenStrip(name="Text of the tune")
        self.strip.set_mode("underline")
        self.problems = _Problems()
        self.copy_button = IconButton("copy", "Copy the text")
        self.header.add_action(self.copy_button)
        self._shown: Take | None = None
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.strip, 1)
        rows.addWidget(self.problems)
        self.set_body(body)
        self.copy_button.clicked.connect(self._copy)
        self.strip.hovered.connect(self._hovered)
        self.strip.clicked.connect(self._clicked)
        self.problems.picked.connect(self._problem_picked)
        self.listen.moved.connect(self._outline)
        self.listen.hover_changed.connect(self._outline)
        self.desk = TakeDesk.of(self.listen)
        self.desk.passage_changed.connect(self._mark_passage)

    @override
    def draw_take(self, take: Take) -> None:
        if take is not self._shown:
            self._shown = take
            self.strip.set_tokens(take.tokens)
            chosen = np.maximum(take.token_probability, np.exp(-SURPRISE))
            self.strip.set_values(-np.log(chosen), limit=SURPRISE)
            self.problems.set_take(take)
            self._mark_passage()
        self._outline()

    @override
    def tell(self) -> None:
        take = self.take
        self.copy_button.setEnabled(take is not None)
        if take is None:
            self.header.set_subtitle("")
            return
        count = len(take.tune.problems)
        words = "no problems" if not count else f"{count} problem{'s' * (count > 1)}"
        what = "as the model writes it" if take.sample else "a tune of the corpus"
        if take.sample is None and self.listen.can_undo:
            what = "as edited"
        self.header.set_subtitle(f"{take.coding.title}, {what}, {words}")

    @Slot()
    def _mark_passage(self) -> None:
        """Underline the passage that stands in the training text."""
        take, passage = self._shown, self.desk.passage
        if take is None:
            return
        marked = np.zeros(len(take.tokens), np.bool_)
        if passage is not None and passage[1] <= len(take.text):
            marked[take.token_at(passage[0]) : take.token_at(passage[1] - 1) + 1] = True
        self.strip.set_marked(marked if marked.any() else None)

    # The outlined character

    @Slot()
    def _outline(self, _note: object = None) -> None:
        """Outline the note under a pointer, else the one at the playhead."""
        take = self._shown
        if take is None or take is not self.take:
            return
        note = self.listen.hovered or self._heard(take)
        source = take.source(note) if note is not None else None
        if source is not None:
            self.strip.set_cursor(take.token_at(source[0]), reveal=self.listen.playing)
        elif not take.done:
            self.strip.set_cursor(len(take.tokens) - 1 if take.text else None)
        else:
            self.strip.set_cursor(None)

    def _heard(self, take: Take) -> Note | None:
        at = self.listen.position_beats
        if not self.listen.playing and at == 0.0:
            return None
        return next(iter(sounding_at(take.score.notes, at)), None)

    @Slot(int)
    def _clicked(self, token: int) -> None:
        if self._shown is not None:
            self.listen.go_to(self._shown.character_of(token))

    @Slot(int)
    def _hovered(self, token: int) -> None:
        take = self._shown
        character = take.character_of(token) if take and token >= 0 else -1
        note = take.note_at(character) if take and character >= 0 else None
        source = take.source(note) if take and note else None
        inside = source is not None and source[0] <= character < source[1]
        self.listen.hover(note if inside else None)

    @Slot(int)
    def _problem_picked(self, number: int) -> None:
        take = self._shown
        if take is not None:
            place = take.start + offset_of(take.text[take.start :], take.tune.problems[number])
            self.strip.set_cursor(take.token_at(place))
            self.session.move_cursor(t=take.token_at(place))

    @Slot()
    def _copy(self) -> None:
        if self.take is not None:
            QGuiApplication.clipboard().setText(self.take.text)


class _Problems(QListWidget):
    """What the reader complained about, a line each; a click shows the place.

    Signals:
        picked(int): number of the problem in the tune.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._skip = 0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setUniformItemSizes(True)
        self.setAccessibleName("Problems of the text")
        self.itemClicked.connect(self._clicked)
        self.itemActivated.connect(self._clicked)
        self.hide()
        follow_theme(self)

    def set_take(self, take: Take) -> None:
        """List the problems of a take; nothing to list takes no room."""
        lines = [problem_words(each) for each in take.tune.problems[:_SHOWN]]
        broken = bool(take.tune.broken) and take.done
        if broken:
            lines.insert(0, f"Not a whole tune: {take.tune.broken}")
        self._skip = int(broken)
        self.clear()
        self.addItems(lines)
        self.setVisible(bool(lines))
        self._fit()

    def _fit(self) -> None:
        row = theme().metric("row")
        self.setViewportMargins(12, 2, 8, 4)
        self.setFixedHeight(min(_MOST_LINES, max(1, self.count())) * row + 8)

    @Slot(QListWidgetItem)
    def _clicked(self, item: QListWidgetItem) -> None:
        number = self.row(item) - self._skip
        if number >= 0:
            self.picked.emit(number)

    @Slot()
    def restyle(self) -> None:
        """Take font and height from the theme in force."""
        self.setFont(theme().font("small"))
        self._fit()


def problem_words(problem: Problem) -> str:
    """Return a problem for people: "line 7: “2” means nothing here"."""
    return f"line {problem.line}: {problem.message}"


def offset_of(text: str, problem: Problem) -> int:
    """Return the character of a tune that a problem is about."""
    starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]
    line = min(problem.line, len(starts)) - 1
    return min(starts[line] + problem.column - 1, max(0, len(text) - 1))
