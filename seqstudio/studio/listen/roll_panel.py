"""`PianoRollPanel`: the tune on a piano roll, with its transport, its tools and its tracks."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QPoint, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.music.score import Note, Score
from seqstudio.studio.listen.audition import Audition
from seqstudio.studio.listen.colouring import Scale, by_track, by_values, by_velocity
from seqstudio.studio.listen.music_panel import MusicPanel
from seqstudio.studio.listen.roll import PianoRoll
from seqstudio.studio.listen.roll_menu import menu_of
from seqstudio.studio.listen.roll_tools import RollTools
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.listen.thoughts import Thoughts
from seqstudio.studio.listen.tracks_panel import TrackList
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme
from seqstudio.studio.widgets import Button, CheckField, IconButton, Label, NumberField

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_SLOWEST, _FASTEST = 20, 320
#: Colours that are asked of the model.
_ASKED = frozenset({"unit", "gradient", "attention"})


class PianoRollPanel(MusicPanel):
    """Notes over time, seen, edited and heard, in the colours of what the model thought.

    Signals:
        template_wanted(str): the person wants to open a template that writes tunes.
    """

    title = "Piano roll"
    offers_template = True
    explanation: ClassVar[Explanation] = Explanation(
        "The newest text that the model wrote; repeats are written out. By probability, the "
        "colour of a note is as solid as the model was sure of it: the probability of the "
        "characters that wrote the note, when it chose them, after temperature, top k and top p. "
        "Notes of the prompt, of the book and of your own were not chosen and have the colour of "
        "inputs. A dot marks notes below 0.4.\n\n"
        "By unit, gradient and attention, the model reads the text of this tune from its "
        "beginning, 512 tokens at most (256 for gradients), with the weights of the training "
        "clock. A note has the largest value of the tokens that wrote it; of activations, that of "
        "largest magnitude, with its sign. Gradient: log10 of the norm of the gradient of the "
        "loss at the shared cursor by the state after each note. Attention: the weights of the "
        "query at the shared cursor. Click a note to put the cursor there. Grey notes were not "
        "read, or the model could not look at them.\n\n"
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
        self.editor = self.roll.editor
        self.tools = RollTools(self.editor)
        self.tracks = TrackList(self.listen, self.editor)
        self.thoughts = Thoughts(session, self)
        self._audition_desk = Audition(self.listen, self)
        self.play_button = IconButton("play", "Play", key="Space", checkable=True)
        self.stop_button = IconButton("stop", "Stop")
        self.loop_button = IconButton("loop", "Repeat the loop, or the tune", key="L",
                                      checkable=True)  # fmt: skip
        self.metronome = IconButton("metronome", "Metronome", checkable=True)
        self.tempo = NumberField(120, _SLOWEST, _FASTEST, form="int", name="Tempo")
        self.inside = IconButton("eye", "Look inside this tune")
        self.place = Label("", "mono", "textHi")
        self.newest = Button("Newest tune", kind="text")
        self.follow = CheckField("Follow", True)
        self._mode = "probability"
        self._mode_chosen = self._tracks_chosen = False
        self._lay_out()
        self._connect()
        follow_theme(self)

    def _lay_out(self) -> None:
        self.follow.setToolTip("Turn the page with the playhead")
        self.tempo.setToolTip("Tempo in quarter notes a minute")
        self._bpm = Label("bpm", "small", "textLow")
        for widget in (self.newest, self.play_button, self.stop_button, self.loop_button,
                       self.metronome, self.tempo, self._bpm, self.inside, self.place,
                       self.follow):  # fmt: skip
            self.header.add_switch(widget)
        body, below = QWidget(), QHBoxLayout()
        rows = QVBoxLayout(body)
        for layout in (rows, below):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        below.addWidget(self.tracks)
        below.addWidget(self.roll, 1)
        rows.addWidget(self.tools)
        rows.addLayout(below, 1)
        self.tracks.hide()
        self.set_body(body)

    def _connect(self) -> None:
        listen, roll, tools = self.listen, self.roll, self.tools
        self.play_button.clicked.connect(listen.toggle)
        self.stop_button.clicked.connect(listen.stop)
        self.loop_button.clicked.connect(self._toggle_loop)
        self.metronome.clicked.connect(self._click_beats)
        self.tempo.committed.connect(self._tempo_chosen)
        self.newest.clicked.connect(listen.go_live)
        self.inside.clicked.connect(listen.link.look_inside)
        self.follow.committed.connect(self._set_follow)
        roll.seek_wanted.connect(listen.seek)
        roll.play_wanted.connect(listen.toggle)
        roll.loop_wanted.connect(self._toggle_loop)
        roll.loop_range_wanted.connect(listen.set_loop_range)
        roll.note_hovered.connect(self._note_hovered)
        roll.note_picked.connect(self._note_picked)
        roll.menu_wanted.connect(self._open_menu)
        tools.colour_wanted.connect(self.set_colour)
        tools.place_wanted.connect(self._place_chosen)
        tools.number_wanted.connect(self._number_chosen)
        tools.tracks_wanted.connect(self._show_tracks)
        self.tracks.heard_changed.connect(self._heard_changed)
        self._connect_edits()
        self.thoughts.changed.connect(self._thought)
        listen.hover_changed.connect(self._hover_changed)
        listen.moved.connect(self._moved)
        listen.playing_changed.connect(self._playing_changed)

    def _connect_edits(self) -> None:
        self.editor.edit_wanted.connect(self._edit)
        self.editor.undo_wanted.connect(self._undo)
        self.editor.redo_wanted.connect(self._redo)
        self.editor.changed.connect(self._selection_changed)
        self.editor.heard.connect(self._audition)

    @Slot()
    def restyle(self) -> None:
        """Reserve the widest place that can be shown, so that nothing moves beside it."""
        self.place.setMinimumWidth(self.place.fontMetrics().horizontalAdvance(_WIDEST))
        self.tempo.setFixedWidth(self.tempo.fontMetrics().horizontalAdvance("8888") + 14)
        if self._mode != "probability":
            self._recolour()

    # Drawing

    @override
    def draw_take(self, take: Take) -> None:
        self.roll.set_take(take)
        self.thoughts.set_take(take)
        if not self._tracks_chosen:
            self.tools.tracks.setChecked(len(take.score.voices) > 1 and self.is_wide(1000))
            self._tracks_chosen = False
        self.tracks.read()
        self._show_loop()
        if not self._mode_chosen:
            self._suggest_colour(take)
        if self._mode != "probability":
            self._recolour()
        self._moved()

    def _suggest_colour(self, take: Take) -> None:
        """Tell voices apart where no model was sure of anything, until the person chooses."""
        given = bool(np.isnan(take.chances).all())
        mode = "track" if given and len(take.score.voices) > 1 else "probability"
        if mode != self._mode:
            self.set_colour(mode)
            self._mode_chosen = False

    def _show_loop(self) -> None:
        listen = self.listen
        whole = (0.0, float(self.roll.score.end_beats))
        span = listen.loop_range or (whole if listen.looped else None)
        self.roll.set_loop(span, on=listen.looped)

    @override
    def tell(self) -> None:
        listen = self.listen
        self.inside.setEnabled(listen.take is not None and bool(listen.take.text))
        for button in (self.play_button, self.stop_button, self.loop_button):
            button.setEnabled(listen.can_play and listen.error is None)
        self.play_button.set_tip(_play_tip(listen))
        self.loop_button.setChecked(listen.looped)
        self.metronome.setChecked(listen.metronome)
        self.tempo.set_value(round(listen.tempo_bpm))
        self.tools.show_history(listen.undo_label, listen.redo_label)
        self.newest.setVisible(not listen.live and listen.is_music)
        self.header.set_subtitle(self._words() if listen.is_music else "no tunes here")

    def _words(self) -> str:
        take = self.take
        if take is None or not self.listen.can_undo:
            return self.take_title()
        return f"“{take.title}”, edited by you" if take.title else "edited by you"

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        super().showEvent(event)
        self._fit()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Leave out of the header what a narrow panel has no room for."""
        self.tempo.setVisible(self.is_wide(620))
        self._bpm.setVisible(self.is_wide(760))
        self.follow.setVisible(self.is_wide(520))

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

    @Slot()
    def _click_beats(self) -> None:
        self.listen.set_metronome(self.metronome.isChecked())

    @Slot(object)
    def _tempo_chosen(self, bpm: object) -> None:
        if isinstance(bpm, int | float):
            self.listen.set_tempo(float(bpm))

    @Slot(bool)
    def _show_tracks(self, on: bool) -> None:
        self._tracks_chosen = True
        self.tracks.setVisible(on)

    @Slot(object)
    def _heard_changed(self, silent: object) -> None:
        if isinstance(silent, frozenset):
            self.roll.set_muted(silent)

    # Notes under the pointer

    @Slot(object)
    def _note_hovered(self, note: object) -> None:
        known = note if isinstance(note, Note) else None
        self.listen.hover(known)
        self.roll.hint = self.thoughts.expect(known) if known is not None else ""

    @Slot(object)
    def _hover_changed(self, note: object) -> None:
        self.roll.set_outlined(note if isinstance(note, Note) else None)

    @Slot(object)
    def _note_picked(self, note: object) -> None:
        if not isinstance(note, Note):
            return
        if not self.listen.playing:
            self.listen.seek(float(note.start))
        source = self.take.source(note) if self.take else None
        if self.take is not None and source is not None:
            self.session.move_cursor(t=self.take.token_at(source[0]))

    @Slot(object)
    def _open_menu(self, place: object) -> None:
        if isinstance(place, QPoint):
            menu_of(self.roll, self).popup(place)

    # Edits

    @Slot(object, str)
    def _edit(self, score: object, label: str) -> None:
        if isinstance(score, Score):
            self.listen.edit(score, label)

    @Slot()
    def _undo(self) -> None:
        if self.listen.can_undo:
            self.roll.stay()
            self.listen.undo()

    @Slot()
    def _redo(self) -> None:
        if self.listen.can_redo:
            self.roll.stay()
            self.listen.redo()

    @Slot()
    def _selection_changed(self) -> None:
        span: tuple[Fraction, Fraction] | None = self.editor.span
        self.listen.select(span)

    @Slot(object)
    def _audition(self, note: object) -> None:
        if isinstance(note, Note):
            self._audition_desk.hear(note)

    # Colours

    @Slot(str)
    def set_colour(self, mode: str) -> None:
        """Colour notes by another of `colouring.MODES`."""
        self._mode, self._mode_chosen = mode, True
        self.tools.colour.set_value(mode)
        self.thoughts.set_mode(mode if mode in _ASKED else "")
        self._recolour()

    @Slot()
    def _thought(self) -> None:
        note = self.roll.hovered
        if note is not None:
            self.roll.hint = self.thoughts.expect(note)
            self.roll.viewport().update()
        if self._mode in _ASKED:
            self._recolour()

    def _recolour(self) -> None:
        table, mode = self.roll.table, self._mode
        if mode == "velocity":
            shades = by_velocity(table)
        elif mode == "track":
            shades = by_track(table)
        elif mode in _ASKED:
            thought = self.thoughts.thought()
            unknown = np.full(len(table), np.nan), Scale("signed", -1.0, 1.0)
            values = (thought.value_N, thought.scale) if thought is not None else unknown
            shades = by_values(*values)
            self._tell_thought(known=thought is not None)
        else:
            shades = None
        self._show_choices()
        self.roll.set_shades(shades)
        known = mode == "velocity" or (mode in _ASKED and self.thoughts.thought() is not None)
        self.tools.show_scale(shades.scale if shades is not None and known else None)

    def _tell_thought(self, *, known: bool) -> None:
        failure = self.thoughts.failure
        if failure is not None:
            self.roll.tell(f"{failure.what}: {failure.why}")
        elif self.take is not None and not self.take.done:
            self.roll.tell("The model is asked when the tune is finished")
        elif not known:
            self.roll.tell("Asking the model…")
        else:
            self.roll.tell("")

    def _show_choices(self) -> None:
        thoughts, tools = self.thoughts, self.tools
        cells, site = thoughts.cells, thoughts.site
        if self._mode == "unit" and cells is not None:
            places = [((each.block, each.layer), each.title) for each in cells.places]
            shown = places[cells.place][0]
            tools.show_choices(places, shown, cells.total, "Unit", thoughts.unit)
        elif self._mode == "attention" and site is not None:
            sites = [each.site for each in thoughts.sites]
            places = [((each.block, each.layer), each.name) for each in sites]
            shown = site.site.block, site.site.layer
            tools.show_choices(places, shown, site.site.heads, "Head", thoughts.head)
        else:
            tools.show_choices((), None, 0, "")

    @Slot(object)
    def _place_chosen(self, place: object) -> None:
        if isinstance(place, tuple):
            self.session.move_cursor(block=place[0], layer=place[1])

    @Slot(int)
    def _number_chosen(self, number: int) -> None:
        name = "head" if self._mode == "attention" else "unit"
        self.session.move_cursor(**{name: number})

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
    return "Pause" if listen.playing else "Play"
