"""`TakeCard`: a take of the shelf as a line: play, name, stars, notes, what it was made with."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QMenu, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.listen.shelf_file import KeptTake
from seqstudio.studio.listen.stars import Stars
from seqstudio.studio.listen.thumbnail import Thumbnail
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets import CheckField, ElidedLabel, IconButton

_ORIGINS = {"edited": "edited by hand", "imported": "imported", "played": "played"}


class TakeCard(QWidget):
    """One take.

    Signals:
        play_wanted(object), open_wanted(object), repeat_wanted(object): its `KeptTake`.
        changed(object): the take with other stars, title or note.
        delete_wanted(str): its key.
        compare_toggled(str, bool): its key, and whether it is to be compared.
    """

    play_wanted = Signal(object)
    open_wanted = Signal(object)
    repeat_wanted = Signal(object)
    changed = Signal(object)
    delete_wanted = Signal(str)
    compare_toggled = Signal(str, bool)

    def __init__(self, kept: KeptTake, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kept = kept
        self._current = False
        self.button = IconButton("play", "Play")
        self.title = ElidedLabel("", "body", "textHi")
        self.facts = ElidedLabel("", "small", "textMid")
        self.stars = Stars()
        self.picture = Thumbnail((96, 26))
        self.compare = CheckField("")
        self.compare.setToolTip("Compare with others")
        self.compare.setAccessibleName("Compare")
        self.more = IconButton("more", "Rename, note, repeat, delete")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._lay_out()
        self._connect()
        self.set_kept(kept)
        follow_theme(self)

    def _lay_out(self) -> None:
        top, below = QHBoxLayout(), QHBoxLayout()
        top.setSpacing(8)
        below.setSpacing(8)
        for widget, stretch in ((self.button, 0), (self.title, 1), (self.stars, 0),
                                (self.compare, 0), (self.more, 0)):  # fmt: skip
            top.addWidget(widget, stretch)
        below.addWidget(self.picture, 1)
        below.addWidget(self.facts, 2)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(8, 6, 8, 6)
        rows.setSpacing(2)
        rows.addLayout(top)
        rows.addLayout(below)

    def _connect(self) -> None:
        self.button.clicked.connect(self._play)
        self.more.clicked.connect(self.open_menu)
        self.stars.chosen.connect(self._starred)
        self.compare.committed.connect(self._compared)

    # What is shown

    def set_kept(self, kept: KeptTake) -> None:
        """Show a take."""
        self.kept = kept
        self.title.setText(kept.title)
        self.facts.setText(facts_of(kept))
        tip = "\n".join(filter(None, [kept.title, full_facts(kept), kept.note]))
        self.facts.setToolTip(tip)
        self.stars.set_value(kept.stars)
        self.picture.set_take(kept.take)
        self.button.setEnabled(bool(kept.take.score.notes))
        self.setAccessibleName(f"{kept.title}, {kept.stars} stars")

    def set_current(self, current: bool, playing: bool) -> None:
        """Mark the one that is listened to."""
        self.button.set_icon("pause" if current and playing else "play")
        self.button.set_tip("Pause" if current and playing else "Play")
        if current != self._current:
            self._current = current
            self.update()

    def set_compared(self, compared: bool) -> None:
        """Tick it, or not."""
        self.compare.set_value(compared)

    # What the person does

    @Slot()
    def _play(self) -> None:
        self.play_wanted.emit(self.kept)

    @Slot(int)
    def _starred(self, stars: int) -> None:
        self.changed.emit(replace(self.kept, stars=stars))

    @Slot(bool)
    def _compared(self, on: bool) -> None:
        self.compare_toggled.emit(self.kept.key, on)

    def make_menu(self) -> QMenu:
        """Return the menu of what can be done with the take."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        acts = (
            ("Open in the roll", self._open, True),
            ("Write it again from its seed", self._repeat, self.kept.wish is not None),
            ("Rename…", self.ask_name, True),
            ("Note…", self.ask_note, True),
            ("Delete", self._delete, True),
        )
        for name, act, possible in acts:
            action: QAction = menu.addAction(name)
            action.triggered.connect(act)
            action.setEnabled(possible)
        return menu

    @Slot()
    def open_menu(self) -> None:
        """Open the menu under its button."""
        self.make_menu().popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    @Slot()
    def _open(self) -> None:
        self.open_wanted.emit(self.kept)

    @Slot()
    def _repeat(self) -> None:
        self.repeat_wanted.emit(self.kept)

    @Slot()
    def _delete(self) -> None:
        self.delete_wanted.emit(self.kept.key)

    def _ask(self, title: str, words: str, then: str) -> None:
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.setLabelText(title)
        dialog.setTextValue(words)
        dialog.textValueSelected.connect(self._told_name if then == "title" else self._told_note)
        dialog.open()

    @Slot()
    def ask_name(self) -> None:
        """Ask for another title."""
        self._ask("Title of the take", self.kept.title, "title")

    @Slot()
    def ask_note(self) -> None:
        """Ask for a note."""
        self._ask("Note about the take", self.kept.note, "note")

    @Slot(str)
    def _told_name(self, title: str) -> None:
        if title.strip():
            self.changed.emit(replace(self.kept, title=title.strip()))

    @Slot(str)
    def _told_note(self, note: str) -> None:
        self.changed.emit(replace(self.kept, note=note.strip()))

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        self.open_wanted.emit(self.kept)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._play()
        elif event.key() == Qt.Key.Key_Delete:
            self._delete()
        elif event.key() == Qt.Key.Key_F2:
            self.ask_name()
        else:
            super().keyPressEvent(event)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(theme().color("accentSoft" if self._current else "surface2"))
            line = theme().color("focus" if self.hasFocus() else "line")
            outlined = self.hasFocus() or not theme().is_dark
            painter.setPen(pen(line) if outlined else Qt.PenStyle.NoPen)
            radius = theme().radius("card")
            area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(area, radius, radius)


def facts_of(kept: KeptTake) -> str:
    """Return what a take is in one line: bars, step, temperature, seed."""
    found = kept.findings
    parts = [f"{found.full_bars}/{found.bars} bars" if found.bars else ""]
    if found.broken:
        parts = ["not a whole tune"]
    if kept.sample is not None:
        parts += [f"k {kept.sample.step:,}", f"T {kept.sample.temperature:g}",
                  f"seed {kept.sample.seed}"]  # fmt: skip
    parts.append(_ORIGINS.get(kept.origin, ""))
    return " · ".join(part for part in parts if part)


def full_facts(kept: KeptTake) -> str:
    """Return everything that is known of how a take was made."""
    found, score = kept.findings, kept.take.score
    lines = [
        f"{len(score.notes)} notes, {float(score.end_beats):g} beats, {len(kept.text):,} letters",
        found.broken or f"{found.full_bars} of {found.bars} bars add up",
    ]
    if kept.run:
        lines.append(f"written by {kept.run}")
    wish = kept.wish
    if wish is not None:
        lines.append(f"top k {wish.top_k}, top p {wish.top_p:g}, at most {wish.length:,} tokens")
    return "\n".join(lines)
