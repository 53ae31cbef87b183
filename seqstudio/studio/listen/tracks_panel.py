"""`TrackList`: who plays each voice of a tune, and which of them is drawn into."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.audio.arrangement import Part
from seqstudio.music import edits
from seqstudio.music.score import Score, Track
from seqstudio.music.synth import INSTRUMENTS
from seqstudio.studio.listen.colouring import track_colour
from seqstudio.studio.theme import follow_theme, pen, theme
from seqstudio.studio.widgets import Button, ComboField, IconButton, Label, TextField
from seqstudio.studio.widgets.slider import Track as SliderTrack

if TYPE_CHECKING:
    from seqstudio.studio.listen.roll_editor import RollEditor
    from seqstudio.studio.listen.sound import ListenSession

WIDTH = 208
_LOUDEST = 1.5
_SWATCH = 9


class TrackList(QScrollArea):
    """One row for each voice: name, instrument, mute, solo, volume, place between the speakers.

    Args:
        listen: Who plays.
        editor: What is drawn into.

    Signals:
        heard_changed(object): the voices that are not heard, a frozenset.
    """

    heard_changed = Signal(object)

    def __init__(
        self, listen: ListenSession, editor: RollEditor, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.listen, self.editor = listen, editor
        self.rows: dict[int, TrackRow] = {}
        self._muted: set[int] = set()
        self._solo: set[int] = set()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Tracks")
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 0, 8)
        self._list.setSpacing(0)
        self.add = Button("Add a track", kind="text", icon="plus")
        self._list.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self._list.addStretch(1)
        self.setWidget(inside)
        self.add.clicked.connect(self._add_track)
        editor.changed.connect(self.read)
        listen.sound_changed.connect(self.read)
        follow_theme(self)

    # What is shown

    @Slot()
    def read(self) -> None:
        """Show the voices of the tune and how they are played."""
        score = self.editor.score
        voices = edits.voices_of(score)
        if tuple(self.rows) != voices:
            self._make_rows(voices)
        parts = {part.voice: part for part in self.listen.parts}
        self.add.setEnabled(not self.editor.refusal)
        for voice, row in self.rows.items():
            part = parts.get(voice, Part(voice, INSTRUMENTS[0]))
            row.show_track(score.track(voice), part)
            row.show_state(
                current=voice == self.editor.voice,
                muted=voice in self._muted,
                solo=voice in self._solo,
                alone=len(voices) == 1,
                locked=bool(self.editor.refusal),
            )

    def _make_rows(self, voices: tuple[int, ...]) -> None:
        for row in self.rows.values():
            row.hide()
            row.deleteLater()
        self.rows = {voice: TrackRow(voice, self) for voice in voices}
        self._muted &= set(voices)
        self._solo &= set(voices)
        for place, row in enumerate(self.rows.values()):
            self._list.insertWidget(place, row)
            row.chosen.connect(self.editor.set_voice)
            row.renamed.connect(self._rename)
            row.played.connect(self._play)
            row.muted.connect(self._mute)
            row.soloed.connect(self._set_solo)
            row.removed.connect(self._remove)

    @property
    def silent(self) -> frozenset[int]:
        """Voices that are not heard: muted, or beside one that plays alone."""
        others = set(self.rows) - self._solo if self._solo else set()
        return frozenset(self._muted | others)

    # What a person does

    @Slot(int, bool)
    def _mute(self, voice: int, on: bool) -> None:
        (self._muted.add if on else self._muted.discard)(voice)
        self._send_heard()

    @Slot(int, bool)
    def _set_solo(self, voice: int, on: bool) -> None:
        (self._solo.add if on else self._solo.discard)(voice)
        self._send_heard()

    def _send_heard(self) -> None:
        silent = self.silent
        for part in self.listen.parts:
            if part.muted != (part.voice in silent):
                self.listen.set_part(replace(part, muted=part.voice in silent))
        self.heard_changed.emit(silent)
        self.read()

    @Slot(object)
    def _play(self, part: object) -> None:
        if isinstance(part, Part):
            self.listen.set_part(replace(part, muted=part.voice in self.silent))

    @Slot(int, str)
    def _rename(self, voice: int, name: str) -> None:
        track = self.editor.score.track(voice)
        if name != track.name:
            self._edit(
                edits.set_track(self.editor.score, replace(track, name=name)), "Rename track"
            )

    @Slot()
    def _add_track(self) -> None:
        score, track = edits.add_track(self.editor.score)
        self._edit(score, "Add a track")
        if not self.editor.refusal:
            self.editor.set_voice(track.voice)

    @Slot(int)
    def _remove(self, voice: int) -> None:
        self._edit(edits.remove_track(self.editor.score, voice), "Remove track")

    def _edit(self, score: Score, label: str) -> None:
        self.editor.apply(edits.Edited(score, self.editor.notes), label)

    @override
    def sizeHint(self) -> QSize:
        return QSize(round(WIDTH * max(1.0, theme().scale)), 120)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.sizeHint().width(), 60)

    @Slot()
    def restyle(self) -> None:
        """Take width and ground from the theme in force."""
        self.setFixedWidth(self.sizeHint().width())
        self.viewport().update()


class TrackRow(QWidget):
    """A voice: two lines, the one that is drawn into marked at its edge.

    Signals:
        chosen(int): draw into this voice.
        renamed(int, str), removed(int): what they say.
        muted(int, bool), soloed(int, bool): not heard, or heard alone.
        played(object): a `Part`: another instrument, volume or place.
    """

    chosen = Signal(int)
    renamed = Signal(int, str)
    removed = Signal(int)
    muted = Signal(int, bool)
    soloed = Signal(int, bool)
    played = Signal(object)

    def __init__(self, voice: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.voice = voice
        self._part = Part(voice, INSTRUMENTS[0])
        self._current = False
        self.name = TextField(name=f"Name of track {voice + 1}")
        self.instrument = ComboField(
            [(name, name.capitalize()) for name in INSTRUMENTS], name="Instrument"
        )
        self.mute = IconButton("speaker", "Mute", checkable=True)
        self.solo = IconButton("target", "Play alone", checkable=True)
        self.remove = IconButton("trash", "Remove the track and its notes")
        self.volume = SliderTrack()
        self.pan = SliderTrack([0.5])
        self._lay_out()
        self._connect()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        follow_theme(self)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(26, 6, 6, 6)
        rows.setSpacing(3)
        for widgets, wide in (
            ((self.name, self.remove), self.name),
            ((self.instrument, self.solo), self.instrument),
            ((self.mute, self.volume, Label("pan", "axis", "textLow"), self.pan), self.volume),
        ):
            line = QHBoxLayout()
            line.setSpacing(4)
            for widget in widgets:
                line.addWidget(widget, int(widget is wide))
            rows.addLayout(line)
        self.instrument.setMinimumContentsLength(6)

    def _connect(self) -> None:
        self.name.committed.connect(self._named)
        self.instrument.committed.connect(self._instrument_chosen)
        self.mute.clicked.connect(self._mute_clicked)
        self.solo.clicked.connect(self._solo_clicked)
        self.remove.clicked.connect(self._remove_clicked)
        self.volume.moved.connect(self._volume_moved)
        self.volume.stepped.connect(self._volume_stepped)
        self.pan.moved.connect(self._pan_moved)
        self.pan.stepped.connect(self._pan_stepped)

    def show_track(self, track: Track, part: Part) -> None:
        """Show a name and how it is played."""
        self._part = part
        if not self.name.hasFocus():
            self.name.set_value(track.name or f"Track {self.voice + 1}")
        self.instrument.set_value(part.instrument)
        self.volume.set_fraction(min(1.0, part.gain / _LOUDEST))
        self.volume.setToolTip(f"Volume {part.gain * 100:.0f} %")
        self.pan.set_fraction((part.pan + 1) / 2)
        self.pan.setToolTip(pan_words(part.pan))

    def show_state(
        self, *, current: bool, muted: bool, solo: bool, alone: bool, locked: bool
    ) -> None:
        """Show whether it is drawn into, heard, and whether it can be changed."""
        self.mute.setChecked(muted)
        self.mute.set_icon("speaker-off" if muted else "speaker")
        self.solo.setChecked(solo)
        self.remove.setEnabled(not alone and not locked)
        self.name.setEnabled(not locked)
        self._current = current
        self.setAccessibleName(self.name.value() + (", drawn into" if current else ""))
        self.update()

    @Slot(str)
    def _named(self, name: str) -> None:
        self.renamed.emit(self.voice, name)

    @Slot(object)
    def _instrument_chosen(self, name: object) -> None:
        self.played.emit(replace(self._part, instrument=str(name)))

    @Slot()
    def _mute_clicked(self) -> None:
        self.muted.emit(self.voice, self.mute.isChecked())

    @Slot()
    def _solo_clicked(self) -> None:
        self.soloed.emit(self.voice, self.solo.isChecked())

    @Slot()
    def _remove_clicked(self) -> None:
        self.removed.emit(self.voice)

    @Slot(float)
    def _volume_moved(self, share: float) -> None:
        self.played.emit(replace(self._part, gain=share * _LOUDEST))

    @Slot(float)
    def _volume_stepped(self, steps: float) -> None:
        self._volume_moved(min(1.0, max(0.0, self._part.gain / _LOUDEST + steps / 20)))

    @Slot(float)
    def _pan_moved(self, share: float) -> None:
        self.played.emit(replace(self._part, pan=round(2 * share - 1, 3)))

    @Slot(float)
    def _pan_stepped(self, steps: float) -> None:
        self._pan_moved(min(1.0, max(0.0, (self._part.pan + 1) / 2 + steps / 20)))

    # Choosing

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        self.chosen.emit(self.voice)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.voice)
        else:
            super().keyPressEvent(event)

    @Slot()
    def restyle(self) -> None:
        """Take measures from the theme in force."""
        self.pan.setFixedWidth(round(48 * max(1.0, theme().scale)))
        self.volume.setAccessibleName(f"Volume of track {self.voice + 1}")
        self.pan.setAccessibleName(f"Place of track {self.voice + 1} between the speakers")
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("accentSoft" if self._current else "surface1"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme().color("line"))
        swatch = QRectF(10, 6 + (theme().metric("field") - _SWATCH) / 2, _SWATCH, _SWATCH)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(track_colour(self.voice))
        painter.drawRoundedRect(swatch, 2, 2)
        if self.hasFocus():
            painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()


def pan_words(pan: float) -> str:
    """Return a place between the speakers for people."""
    if abs(pan) < 0.005:
        return "Place: middle"
    return f"Place: {abs(pan) * 100:.0f} % {'right' if pan > 0 else 'left'}"
