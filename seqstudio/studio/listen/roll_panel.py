"""`PianoRollPanel`: the tune on a piano roll with its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.music.score import Note
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.roll import PianoRoll
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme
from seqstudio.studio.widgets import Button, CheckField, IconButton, Label

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


class PianoRollPanel(MusicPanel):
    """Notes over time, as sure as the model was of them; play, stop, loop, follow.

    Signals:
        template_wanted(str): the person wants to open a template that writes tunes.
    """

    title = "Piano roll"
    offers_template = True
    explanation: ClassVar[Explanation] = Explanation(
        "The newest text that the model wrote, read as ABC; repeats are written out. The colour "
        "of a note is as solid as the model was sure of it: the probability of the characters "
        "that wrote the note, when it chose them, after temperature, top k and top p. Notes of "
        "the prompt and of the book were not chosen and have the colour of inputs. A dot marks "
        "notes below 0.4.\n\n"
        "The playhead follows the clock of the sound output, not of the computer. Without a "
        "sound device everything works but the sound.",
        (r"p_{\mathrm{note}} = \prod_{i} p(x_i \mid x_{<i})",),
    )

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        *,
        listen: ListenSession | None = None,
    ) -> None:
        super().__init__(session, parent, listen=listen)
        self.roll = PianoRoll()
        self.play_button = IconButton("play", "Play", key="Space", checkable=True)
        self.stop_button = IconButton("stop", "Stop")
        self.loop_button = IconButton("loop", "Repeat the tune", key="L", checkable=True)
        self.inside = IconButton("eye", "Look inside this tune")
        self.place = Label("", "mono", "textHi")
        self.newest = Button("Newest tune", kind="text")
        self.follow = CheckField("Follow", True)
        self.follow.setToolTip("Turn the page with the playhead")
        for widget in (self.newest, self.play_button, self.stop_button, self.loop_button,
                       self.inside, self.place, self.follow):  # fmt: skip
            self.header.add_switch(widget)
        self._connect()
        self.set_body(self.roll)
        follow_theme(self)

    def _connect(self) -> None:
        listen, roll = self.listen, self.roll
        self.play_button.clicked.connect(listen.toggle)
        self.stop_button.clicked.connect(listen.stop)
        self.loop_button.clicked.connect(self._toggle_loop)
        self.newest.clicked.connect(listen.go_live)
        self.inside.clicked.connect(listen.link.look_inside)
        self.follow.committed.connect(self._set_follow)
        roll.seek_wanted.connect(listen.seek)
        roll.play_wanted.connect(listen.toggle)
        roll.loop_wanted.connect(self._toggle_loop)
        roll.note_hovered.connect(self._note_hovered)
        roll.note_picked.connect(self._note_picked)
        listen.hover_changed.connect(self._hover_changed)
        listen.moved.connect(self._moved)
        listen.playing_changed.connect(self._playing_changed)

    @Slot()
    def restyle(self) -> None:
        """Reserve the widest place that can be shown, so that nothing moves beside it."""
        self.place.setMinimumWidth(self.place.fontMetrics().horizontalAdvance(_WIDEST))

    # Drawing

    @override
    def draw_take(self, take: Take) -> None:
        self.roll.set_take(take)
        self._moved()

    @override
    def tell(self) -> None:
        listen = self.listen
        self.inside.setEnabled(listen.take is not None and bool(listen.take.text))
        for button in (self.play_button, self.stop_button, self.loop_button):
            button.setEnabled(listen.can_play and listen.error is None)
        self.play_button.set_tip(_play_tip(listen))
        self.loop_button.setChecked(listen.looped)
        self.newest.setVisible(not listen.live and listen.is_music)
        self.header.set_subtitle(self.take_title() if listen.is_music else "no tunes here")

    @Slot()
    def _moved(self) -> None:
        beats = self.listen.position_beats
        self.roll.set_position(beats, playing=self.listen.playing)
        self.place.setText(place_words(self.take, beats, self.listen.tempo_bpm))

    @Slot(bool)
    def _playing_changed(self, playing: bool) -> None:
        self.play_button.set_icon("pause" if playing else "play")
        self.play_button.set_tip(_play_tip(self.listen))
        self.play_button.setChecked(playing)

    @Slot(bool)
    def _set_follow(self, on: bool) -> None:
        self.roll.follow = on

    @Slot()
    def _toggle_loop(self) -> None:
        self.listen.set_loop(not self.listen.looped)

    @Slot(object)
    def _note_hovered(self, note: object) -> None:
        self.listen.hover(note if isinstance(note, Note) else None)

    @Slot(object)
    def _hover_changed(self, note: object) -> None:
        self.roll.set_outlined(note if isinstance(note, Note) else None)

    @Slot(object)
    def _note_picked(self, note: object) -> None:
        if not isinstance(note, Note):
            return
        self.listen.seek(float(note.start))
        source = self.take.source(note) if self.take else None
        if source is not None:
            self.session.move_cursor(t=source[0])

    @override
    def measured(self) -> list[tuple[str, str]]:
        take = self.take
        if take is None:
            return []
        sample, score = take.sample, take.score
        meter = f"{score.meter[0]}/{score.meter[1]}" if score.meter else "free metre"
        rows = [
            ("Tune", f"{len(score.notes)} notes, {len(score.bar_starts)} bars, {meter}"),
            ("Tempo", f"{self.listen.tempo_bpm:.0f} quarter notes a minute"),
        ]
        if sample is not None:
            rows += [
                ("Training step", f"{sample.step:,}"),
                ("Temperature", f"{sample.temperature:g}"),
                ("Seed", f"{sample.seed}"),
            ]
        return rows


_WIDEST = "888.8 bar  88:88.8"


def place_words(take: Take | None, beats: float, tempo_bpm: float) -> str:
    """Return a place as "7.2 bar  0:14.6": bars from 1 with tenths, minutes and seconds."""
    if take is None:
        return ""
    bar, share = take.bar_of(beats)
    seconds = beats * 60.0 / tempo_bpm
    minutes = int(seconds // 60)
    tenths = min(9, int(share * 10))
    return f"{bar}.{tenths} bar  {minutes}:{seconds - 60 * minutes:04.1f}"


def _play_tip(listen: ListenSession) -> str:
    if listen.playing:
        return "Pause"
    if listen.take is not None and not listen.take.done:
        return "Play, as soon as it is written"
    return "Play"
