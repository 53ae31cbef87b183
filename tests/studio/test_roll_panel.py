"""The panel around the roll: transport, tools, tracks, edits of a take, what the model thought."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from seqstudio.audio.output import RATE, NullOutput
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.music.abc import read_tune
from seqstudio.music.edits import GRIDS
from seqstudio.music.score import Note, Score
from seqstudio.records.inside.attention import (
    AttentionMap,
    AttentionOf,
    AttentionRead,
    AttentionSeen,
    AttentionSite,
)
from seqstudio.records.inside.cells import Cells, CellsOf, UnitPlace
from seqstudio.records.inside.gradients import TimeMap
from seqstudio.records.inside.predictions import Predictions, PredictionsOf
from seqstudio.records.looking import Looked, LookFailed
from seqstudio.records.readings import Sample, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.listen import ListenSession, PianoRollPanel
from seqstudio.studio.listen.colouring import Scale, by_track, by_values, by_velocity
from seqstudio.studio.listen.note_table import NoteTable
from seqstudio.studio.listen.note_values import NoteTokens, token_of_character
from seqstudio.studio.listen.takes import take_of_sample
from seqstudio.studio.session import Session
from seqstudio.studio.theme import theme, themes

LEFT, KEY = Qt.MouseButton.LeftButton, Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
HEAD = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\n"
MUSIC = "CDEF|GABc|\n"
LETTERS = "DEFGABcdefga"
BOOK = "".join(
    f"X:{n}\nT:Tune {n}\nM:6/8\nL:1/8\nK:D\n"
    f"|:{LETTERS[n % 12]}2e fed|{LETTERS[n // 12]}2a afe|d2e fed|c2B A3:|\n\n"
    for n in range(1, 61)
)
AT = len(HEAD)


def sample(text=MUSIC, **changes):
    values = {
        "request": 0, "step": 100, "prompt": HEAD, "text": text,
        "probability": freeze(np.full(len(text), 0.5, np.float32)), "choices": (),
        "temperature": 0.8, "seed": 7, "done": True,
    }  # fmt: skip
    return Sample(**{**values, **changes})


@pytest.fixture
def session(qtbot, tmp_path):
    themes().set_mode("dark")
    path = tmp_path / "book.abc"
    path.write_text(BOOK, encoding="utf-8")
    session = Session(Document(make("abc-lstm", str(path))), threads=True)
    session.history = RunHistory("lstm-1")
    session.run_project = session.project
    qtbot.waitUntil(lambda: session.facts is not None or session.data_error is not None)
    assert session.data_error is None
    yield session
    session.begin_close()
    assert session.end_close()


@pytest.fixture
def listen(session):
    listen = ListenSession(session, lambda: (NullOutput(RATE), "No sound."))
    session.events.emit(session.history.extend((sample(),)))
    yield listen
    listen.close()


@pytest.fixture
def panel(qtbot, session, listen):
    panel = PianoRollPanel(session, listen=listen)
    qtbot.addWidget(panel)
    panel.resize(1200, 460)
    panel.show()
    panel.refresh()
    panel.editor.set_grid(next(grid for grid in GRIDS if grid.key == "1/4"))
    return panel


# Edits


def test_an_edit_of_a_take_is_the_persons_own_tune_and_can_be_taken_back(panel, listen):
    written = listen.take
    panel.editor.select({0})
    QTest.keyClick(panel.roll, KEY.Key_Up, SHIFT)
    panel.refresh()
    assert listen.take.sample is None
    assert [note.pitch for note in listen.take.score.notes][:1] == [72]
    assert read_tune(listen.take.text).score.notes[0].pitch == 72, "the text is written anew"
    assert panel.header.subtitle() == "“Scale”, edited by you"
    assert panel.editor.notes[0].pitch == 72
    assert panel.tools.undo.toolTip().startswith("Undo: Transpose notes")
    QTest.mouseClick(panel.tools.undo, LEFT)
    assert listen.take is written
    assert panel.editor.notes == (written.score.notes[0],)
    QTest.keyClick(panel.roll, KEY.Key_Z, CTRL | SHIFT)
    assert listen.take.score.notes[0].pitch == 72
    assert not listen.can_redo


def test_undo_of_the_roll_leaves_the_project_alone(panel, session, listen):
    session.set_probe_text("ab")
    QTest.keyClick(panel.roll, KEY.Key_Z, CTRL)
    assert session.project.sampling.probe_text == "ab"


def test_what_is_selected_is_the_region_of_the_page(panel, listen):
    panel.editor.select({1, 2})
    assert listen.selection == (Fraction(1), Fraction(3))
    panel.editor.select_none()
    assert listen.selection is None


def test_tempo_metronome_and_loop_reach_the_sound(panel, listen):
    panel.tempo.setFocus()
    panel.tempo.selectAll()
    QTest.keyClicks(panel.tempo, "90")
    QTest.keyClick(panel.tempo, KEY.Key_Return)
    assert listen.tempo_bpm == 90
    QTest.mouseClick(panel.metronome, LEFT)
    assert listen.metronome
    frame = panel.roll.frame_now()
    first, last = (QPoint(round(frame.x(beat)), 4) for beat in (2.1, 6.1))
    QTest.mousePress(panel.roll.viewport(), LEFT, pos=first)
    QTest.mouseMove(panel.roll.viewport(), QPoint(first.x() + 20, 4))
    QTest.mouseMove(panel.roll.viewport(), last)
    QTest.mouseRelease(panel.roll.viewport(), LEFT, pos=last)
    assert listen.loop_range == pytest.approx((2.0, 6.0), abs=0.15)
    assert listen.looped
    panel.refresh()
    assert panel.roll.loop == listen.loop_range


def test_a_drawn_note_sounds_for_a_moment(qtbot, panel, listen, monkeypatch):
    told = []
    monkeypatch.setattr(listen.sequencer, "note_on", lambda *note: told.append(note))
    monkeypatch.setattr(listen.sequencer, "note_off", told.append)
    panel.editor.heard.emit(Note(61, Fraction(0), Fraction(1)))
    assert told == [(61, 80, listen.instrument)]
    qtbot.waitUntil(lambda: told[1:] == [61])


def test_the_row_of_tools_sets_the_roll(panel):
    tools = panel.tools
    tools.lane.value_changed.emit("velocity")
    assert panel.editor.lane == "velocity"
    tools.tool.value_changed.emit("draw")
    assert panel.editor.tool == "draw"
    tools.grid.committed.emit(GRIDS[0])
    assert panel.editor.grid.key == "bar"
    QTest.keyClick(panel.roll, KEY.Key_1)
    assert tools.tool.value() == "select"


# Tracks


@pytest.fixture
def two(panel, listen):
    """A tune of two voices, its tracks in view."""
    notes = tuple(Note(60 + n, Fraction(n), Fraction(1), voice=n % 2) for n in range(4))
    listen.edit(Score(notes, meter=(4, 4), bar_starts=(Fraction(0),)), "Two voices")
    panel.refresh()
    panel.tools.tracks.setChecked(True)
    return panel.tracks


def test_a_row_for_each_voice_mutes_and_plays_alone(panel, listen, two):
    assert panel.tools.colour.value() == "track", "two voices, and no model was asked"

    def silent():
        return [part.voice for part in listen.parts if part.muted]

    QTest.mouseClick(two.rows[0].mute, LEFT)
    assert (silent(), panel.roll.muted) == ([0], {0})
    QTest.mouseClick(two.rows[0].mute, LEFT)
    QTest.mouseClick(two.rows[1].solo, LEFT)
    assert (silent(), panel.roll.muted) == ([0], {0})
    QTest.mouseClick(two.rows[1].solo, LEFT)
    assert (silent(), panel.roll.muted) == ([], frozenset())


def test_instrument_volume_and_place_of_a_voice(listen, two):
    row = two.rows[1]
    row.instrument.committed.emit("flute")
    row.volume.moved.emit(0.5)
    row.pan.moved.emit(0.25)
    part = next(part for part in listen.parts if part.voice == 1)
    assert (part.instrument, part.gain, part.pan) == ("flute", 0.75, -0.5)
    assert row.pan.toolTip() == "Place: 50 % left"
    assert row.instrument.value() == "flute"


def test_tracks_are_named_added_drawn_into_and_removed(panel, listen, two):
    row = two.rows[1]
    row.name.setFocus()
    row.name.selectAll()
    QTest.keyClicks(row.name, "Bass")
    QTest.keyClick(row.name, KEY.Key_Return)
    assert listen.take.score.track(1).name == "Bass"
    QTest.mouseClick(two.add, LEFT)
    panel.refresh()
    assert tuple(two.rows) == (0, 1, 2)
    assert panel.editor.voice == 2
    assert panel.editor.new_note(60, 0.0).voice == 2
    QTest.mouseClick(two.rows[1].remove, LEFT)
    panel.refresh()
    assert tuple(two.rows) == (0, 2)
    assert {note.voice for note in listen.take.score.notes} == {0}
    QTest.mouseClick(two.rows[0], LEFT, pos=QPoint(12, 60))
    assert panel.editor.voice == 0


# Colours


def test_tokens_are_found_in_their_text_and_unknown_characters_have_none():
    assert token_of_character("ab?cd", ["ab", "c"]).tolist() == [0, 0, -1, 1, -1]


def test_a_note_has_the_largest_of_its_tokens():
    take = take_of_sample(sample("C2D/2E|"))
    text = list(take.text)
    values = np.zeros(len(text))
    values[AT : AT + 7] = [0.2, -0.9, 0.1, 0.0, 0.3, 0.4, 5.0]
    tokens = NoteTokens(take, text)
    assert tokens.largest(values) == pytest.approx([0.2, 0.3, 0.4])
    assert tokens.largest(values, signed=True) == pytest.approx([-0.9, 0.3, 0.4])
    short = NoteTokens(take, text[: AT + 3])
    assert short.largest(values[: AT + 3])[:2] == pytest.approx([0.2, 0.1])
    assert np.isnan(short.largest(values[: AT + 3])[2])


def test_colours_say_velocity_track_and_values():
    table = NoteTable([Note(60, Fraction(n), Fraction(1), 127 - n, n) for n in range(3)])
    assert by_velocity(table).place_N.tolist() == [255, 253, 251]
    assert len(set(by_track(table).place_N.tolist())) == 3
    shades = by_values(np.array([-1.0, np.nan, 1.0]), Scale("signed", -1, 1))
    assert shades.place_N.tolist() == [0, -1, 255]


@pytest.fixture
def asked(session, monkeypatch):
    """Questions instead of a model; `answer` gives what it would say to the newest one."""

    class Asked:
        def __init__(self):
            self.questions = []

        def answer(self, kind, reading):
            number = max(n for n, each in enumerate(self.questions) if isinstance(each, kind))
            session.looks.answered.emit(Looked(number + 1, "", reading, 100, "step 100", 0.1))

    def ask(_view, aim, _project):
        asked.questions.append(aim.question)
        return len(asked.questions)

    asked = Asked()
    monkeypatch.setattr(session.looks, "ask", ask)
    return asked


def cells(units, values):
    text = tuple(HEAD + MUSIC)
    place = UnitPlace("lstm", 0, "LSTM, layer 1", ("h",))
    return Cells(
        (place,), 0, "h", 64, text, (0,), np.array(units), np.array(values), 1.0, True,
        np.empty(0), 0, True, (), None, len(text), (), 0,
    )  # fmt: skip


def fill(panel, number):
    roll = panel.roll
    place = roll.frame_now().note_rect(roll.table.notes[number]).center().toPoint()
    return roll.viewport().grab().toImage().pixelColor(place)


def test_notes_take_the_colour_of_a_unit_and_follow_the_shared_cursor(panel, session, asked):
    panel.set_colour("unit")
    assert isinstance(asked.questions[-1], CellsOf)
    assert fill(panel, 2) == theme().color("surface3"), "nothing is known yet"
    low, high = np.zeros((2, len(HEAD + MUSIC)))
    low[AT + 2], high[AT + 2] = -1.0, 1.0
    asked.answer(CellsOf, cells([0, 1], [low, high]))
    blue = theme().lookup("signed")[0]
    assert fill(panel, 2).getRgb()[:3] == tuple(blue[:3])
    count = len(asked.questions)
    session.move_cursor(unit=1)
    orange = theme().lookup("signed")[255]
    assert fill(panel, 2).getRgb()[:3] == tuple(orange[:3])
    assert len(asked.questions) == count, "the numbers were there"
    session.move_cursor(unit=40)
    assert asked.questions[-1].page == 1
    assert panel.tools.number.value() == 40


def attention(head_weights):
    site = AttentionSite("a.0", "gpt", 0, "self", "layer 1", len(head_weights), "text", "text")
    weights = np.array(head_weights, np.float32)
    count = weights.shape[1]
    masked = np.triu(np.ones((count, count), bool), 1)
    words = tuple(HEAD + MUSIC)
    seen = AttentionMap(site, words, words, weights, masked, 1, np.zeros(len(weights)))
    read = AttentionRead(words, (), None, words, np.zeros(count), 0.0)
    return AttentionSeen(read, (seen,))


def test_attention_is_that_of_the_head_and_the_query_at_the_cursor(panel, session, asked):
    count = len(HEAD + MUSIC)
    weights = np.zeros((2, count, count))
    weights[0, AT + 2, AT] = weights[1, AT + 2, AT + 1] = 1.0
    session.move_cursor(t=AT + 2)
    panel.set_colour("attention")
    asked.answer(AttentionOf, attention(weights))
    thought = panel.thoughts.thought()
    assert thought.value_N[:3].tolist() == [1.0, 0.0, 0.0]
    assert np.isnan(thought.value_N[3:]).all(), "what comes later cannot be looked at"
    session.move_cursor(head=1)
    assert panel.thoughts.thought().value_N[:3].tolist() == [0.0, 1.0, 0.0]
    assert panel.tools.number.value() == 2, "heads are counted from 1"


def test_a_gradient_is_that_of_the_loss_at_the_cursor(panel, session, asked):
    count = len(HEAD + MUSIC)
    log10 = np.full((count, count), np.nan)
    log10[AT + 3, AT : AT + 4] = [-3.0, -2.0, -1.0, -np.inf]
    session.move_cursor(t=AT + 3)
    panel.set_colour("gradient")
    reading = TimeMap(
        "lstm", "lstm", tuple(HEAD + MUSIC), log10, None, tuple(range(count)), np.zeros(count)
    )
    asked.answer(type(asked.questions[-1]), reading)
    values = panel.thoughts.thought().value_N
    assert values[:3] == pytest.approx([-2.0, -1.0, 0.0])
    assert np.isnan(values[3:]).all()


def test_the_cursor_counts_tokens_also_where_the_tune_is_not_the_first(panel, listen, asked):
    first = "X:1\nK:C\nGA|\n\n"
    take = take_of_sample(sample(prompt=first + HEAD))
    assert take.start == len(first)
    listen.take_up(take)
    panel.session.move_cursor(t=take.token_at(take.source(take.score.notes[2])[0]))
    panel.set_colour("attention")
    asked.answer(AttentionOf, attention(np.eye(len(HEAD + MUSIC))[None]))
    assert panel.thoughts.thought().value_N[:3].tolist() == [0.0, 0.0, 1.0]


def test_a_refusal_is_told_in_the_roll(panel, session, asked):
    panel.set_colour("attention")
    session.looks.answered.emit(
        LookFailed(len(asked.questions), "", "No attention", "this model has none", "")
    )
    assert panel.roll._told == "No attention: this model has none"


def test_the_likeliest_alternatives_are_told_under_the_pointer(panel, asked):
    panel.set_colour("unit")
    note = panel.roll.table.notes[1]
    assert panel.thoughts.expect(note) == ""
    count = len(HEAD + MUSIC)
    best, p = np.zeros((count, 2), int), np.zeros((count, 2))
    best[AT], p[AT] = [1, 0], [0.75, 0.2]
    reading = Predictions(
        tuple(HEAD + MUSIC), ("E", "D"), (), True, np.zeros(count, int),
        np.zeros((count, 2), np.float32), best, p, np.zeros(count), np.zeros(count), (), 0,
        None, "",
    )  # fmt: skip
    asked.answer(PredictionsOf, reading)
    assert panel.thoughts.expect(note) == "expected “D” 0.75  “E” 0.20"


def test_a_tune_being_written_is_not_asked_about(panel, session, listen, asked):
    session.state = "running"
    session.events.emit(session.history.extend((replace(sample(), step=101, done=False),)))
    panel.refresh()
    asked.questions.clear()
    panel.set_colour("unit")
    assert asked.questions == []
    assert panel.roll._told == "The model is asked when the tune is finished"
