"""Listening without panels: takes, prompts, findings, geometry, and the playhead's clock."""

from __future__ import annotations

import io
import math
import wave
from dataclasses import replace
from fractions import Fraction

import mido
import numpy as np
import pytest
from PySide6.QtCore import QSettings

from seqstudio.audio.arrangement import Part
from seqstudio.audio.midi_ports import Ports
from seqstudio.audio.output import RATE, NullOutput, SoundOutput
from seqstudio.bench.soundness import MemoryPort, held_notes
from seqstudio.blocks.templates import make
from seqstudio.core.errors import DeviceError
from seqstudio.data.corpora import text_dataset
from seqstudio.document.document import Document
from seqstudio.music.abc import read_tune
from seqstudio.music.midi import read_midi
from seqstudio.music.tune_files import TAIL_S
from seqstudio.records.readings import Sample, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.listen.findings import copied_run, corpus_of, findings_of, music_of
from seqstudio.studio.listen.font_field import FontField
from seqstudio.studio.listen.geometry import ROW, frame_of, is_black, whole_width
from seqstudio.studio.listen.midi_form import MidiForm
from seqstudio.studio.listen.prompts import style_of
from seqstudio.studio.listen.save_menu import SaveMenu
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.takes import (
    ages,
    book_take,
    note_words,
    take_of_sample,
    tone_name,
    tune_start,
)
from seqstudio.studio.session import Session
from tests.audio.sound_doubles import FakeSounddevice
from tests.music.fonts import small_font

HEAD = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\n"
MUSIC = "CDEF|GABc|\n"
PITCHES = [60, 62, 64, 65, 67, 69, 71, 72]
LETTERS = "DEFGABcdefga"
BOOK = "".join(
    f"X:{n}\nT:Tune {n}\nM:6/8\nL:1/8\nK:D\n"
    f"|:{LETTERS[n % 12]}2e fed|{LETTERS[n // 12]}2a afe|d2e fed|c2B A3:|\n\n"
    for n in range(1, 61)
)


def sample(text=MUSIC, prompt=HEAD, p=0.5, **changes):
    """A sample whose every character was chosen with probability `p`, or with those given."""
    chances = np.full(len(text), p) if np.isscalar(p) else np.array(p)
    values = {
        "request": 0, "step": 100, "prompt": prompt, "text": text,
        "probability": freeze(chances.astype(np.float32)), "choices": (), "temperature": 0.8,
        "seed": 7, "done": True,
    }  # fmt: skip
    return Sample(**{**values, **changes})


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self):
        self.now = 10.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opener(clock):
    return lambda: (NullOutput(RATE, clock), "No sound: no sound device was found. Connect one.")


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.abc"
    path.write_text(BOOK, encoding="utf-8")
    return path


@pytest.fixture
def make_session(qtbot, book):
    made = []

    def build(template="abc-lstm", path=book):
        session = Session(Document(make(template, str(path) if path else "")), threads=True)
        made.append(session)
        session.history = RunHistory("lstm-1")
        session.run_project = session.project
        qtbot.waitUntil(lambda: session.dataset is not None)
        return session

    yield build
    for session in made:
        session.begin_close()
        assert session.end_close()


@pytest.fixture
def session(make_session):
    return make_session()


@pytest.fixture
def listen(session, opener):
    listen = ListenSession(session, opener)
    yield listen
    listen.close()


def arrive(session, *events):
    session.events.emit(session.history.extend(events))


def ready(qtbot, listen):
    listen.open_sound()
    qtbot.waitUntil(lambda: listen.message != "" and listen._ready and not listen.rendering)


# Takes


def test_a_note_has_the_probability_of_the_characters_that_wrote_it():
    take = take_of_sample(sample("C2D/2E|", p=[0.5, 0.4, 0.9, 1.0, 0.25, 0.125, 1.0]))
    assert take.chances == pytest.approx([0.2, 0.9 * 0.25, 0.125])


def test_notes_of_the_prompt_are_given_and_a_shared_one_counts_what_was_chosen():
    take = take_of_sample(sample("2D|", prompt=HEAD + "CE", p=[0.4, 0.5, 1.0]))
    first, second, third = take.chances
    assert math.isnan(first)
    assert (second, third) == (pytest.approx(0.4), pytest.approx(0.5))
    assert take.text[slice(*take.source(take.score.notes[1]))] == "E2"


def test_the_first_tune_with_notes_is_played():
    text = "X:1\nT:Nothing\nK:C\n\nX:2\nT:Something\nL:1/4\nK:C\nGA|\n"
    take = take_of_sample(sample(text, prompt="", p=0.25))
    assert take.title == "Something"
    assert take.start == text.index("X:2")
    note = take.score.notes[0]
    assert take.text[slice(*take.source(note))] == "G"
    assert take.note_probability(note) == pytest.approx(0.25)
    assert take.tune_text == text[take.start :]
    assert tune_start(text, 3) == 0
    assert tune_start(text, len(text) - 2) == take.start


def test_the_longest_tune_is_played_and_the_one_being_written_followed():
    text = "X:1\nK:C\nCDEFGABc|\n\nX:2\nK:C\nGA|\n\nX:3\nK:C\n"
    assert take_of_sample(sample(text, prompt="")).start == 0
    assert take_of_sample(sample(text, prompt="", done=False)).start == text.index("X:2")
    assert take_of_sample(sample(text, prompt=""), text.index("X:2")).score.notes[0].pitch == 67


def test_a_character_leads_to_its_note_or_the_one_before():
    take = take_of_sample(sample())
    at = len(HEAD)
    assert take.note_at(at + 1).pitch == 62
    assert take.note_at(at + 4).pitch == 65  # the bar line
    assert take.note_at(0).pitch == 60
    assert take_of_sample(sample("|||")).note_at(3) is None


def test_a_repeated_note_leads_to_its_first_playing():
    take = take_of_sample(sample("|:CD:|"))
    assert [note.pitch for note in take.score.notes] == [60, 62, 60, 62]
    assert take.note_at(len(HEAD) + 3).start == 1


def test_places_are_told_in_bars():
    take = take_of_sample(sample())
    assert take.bar_of(0.0) == (1, 0.0)
    assert take.bar_of(5.0) == (2, 0.25)
    assert take.bar_of(99.0) == (2, 1.0)
    words = note_words(take, take.score.notes[5])
    assert words == "A4 · bar 2, beat 2 · p 0.50 · “A”"


def test_tones_are_spelled_for_the_key():
    assert tone_name(66, "D major") == "F♯4"
    assert tone_name(70, "F major") == "B♭4"
    assert tone_name(60) == "C4"


def test_text_without_a_key_is_kept_and_told_broken():
    take = take_of_sample(sample("xyz", prompt=""))
    assert take.tune.broken
    assert take.score.notes == ()
    assert take.chances == ()


def test_ages_spread_from_the_first_to_the_newest_automatic_sample():
    kept = [sample(step=step) for step in (0, 10, 20, 50, 100, 200, 400)]
    asked = sample(step=300, request=3)
    other = sample(step=5, prompt="X:9\n")
    assert [each.step for each in ages([other, asked, *kept])] == [0, 20, 100, 400]
    assert [each.step for each in ages(kept[:2])] == [0, 10]
    assert ages([asked]) == []


def test_a_clean_held_out_tune_comes_from_the_book(session):
    take = book_take(session.dataset)
    assert take.sample is None
    assert take.done
    assert take.text.strip() in session.dataset.preview("valid", 10_000)
    assert all(math.isnan(chance) for chance in take.chances)
    assert not take.tune.problems


def test_a_text_without_tunes_gives_no_book_tune():
    prose = "no music in here at all\n" * 100
    assert book_take(text_dataset("prose", "", prose, 1000)) is None


# Prompts and findings


def test_a_header_has_the_fields_keys_and_metres_of_the_book():
    style = style_of(BOOK + "X:61\nT:Other\nM:C|\nL:1/8\nK:A dorian\nA2|\n")
    assert style.fields == ("X", "T", "M", "L", "K")
    assert style.keys == ("D", "A dorian")
    assert style.meters == ("6/8", "C|")
    assert style.header("A dorian", "C|") == "X:1\nT:\nM:C|\nL:1/8\nK:A dorian\n"
    assert style.header() == "X:1\nT:\nM:6/8\nL:1/8\nK:D\n"
    assert read_tune(style.header() + "d2e|").score.meter == (6, 8)


def test_a_book_without_metres_still_makes_a_header_that_can_be_read():
    style = style_of("X:1\nK:G\nGAB|\n")
    assert style.header() == "X:1\nM:4/4\nK:G\n"


def test_what_can_be_counted_in_a_tune():
    found = findings_of(read_tune(HEAD + "CDEF|GAB|^c4|\n"))
    assert (found.full_bars, found.bars) == (2, 3)
    assert found.full_share == pytest.approx(2 / 3)
    assert found.in_scale == pytest.approx(7 / 8)
    assert (found.lowest, found.highest) == (60, 73)
    nothing = findings_of(read_tune("xyz"))
    assert nothing.broken
    assert math.isnan(nothing.full_share)
    assert nothing.lowest is None


def test_the_longest_copied_run_leaves_the_header_out():
    assert music_of(HEAD + MUSIC) == MUSIC
    assert music_of("no key") == "no key"
    found = copied_run("xxGABc|yy", HEAD + MUSIC)
    assert (found.text, found.start, found.title, found.tokens) == ("GABc|", 2, "Scale", 5)
    assert copied_run("", MUSIC).text == ""


def test_the_corpus_is_counted_alike():
    corpus = corpus_of(BOOK, MUSIC)
    assert corpus.tunes == 60
    assert corpus.full_share == 1.0
    assert corpus.in_scale == 1.0
    assert corpus.clean == 1.0
    assert corpus.compared == 5
    assert corpus.copied >= 1


# Geometry


def test_notes_lie_at_their_pitch_and_time():
    take = take_of_sample(sample())
    frame = frame_of(take.score, 900, 400, beat=40.0)
    rects = [frame.note_rect(note) for note in take.score.notes]
    assert [round(rect.left(), 6) for rect in rects] == [frame.keys + 40.0 * n for n in range(8)]
    rises = [(rects[0].top() - rect.top()) / frame.row for rect in rects]
    assert rises == pytest.approx([pitch - 60 for pitch in PITCHES])
    assert all(frame.grid.contains(rect) for rect in rects)
    assert rects[0].width() == pytest.approx(40.0 - 1.5)
    assert [frame.pitch_at(rect.center().y()) for rect in rects] == PITCHES
    assert frame.beats_at(frame.x(3.25)) == pytest.approx(3.25)


@pytest.mark.parametrize("height", [200, 300, 520, 900])
@pytest.mark.parametrize("text", ["C|", "C,,c''|", MUSIC, "E,G,B,e'g'b'|"])
def test_every_note_is_in_sight_and_rows_fill_the_height(height, text):
    score = take_of_sample(sample(text)).score
    frame = frame_of(score, 900, height)
    assert all(frame.grid.contains(frame.note_rect(note)) for note in score.notes)
    assert frame.row <= ROW[1]
    filled = frame.y(frame.low) + frame.row
    assert filled >= frame.grid.bottom() - 0.5
    assert filled < frame.grid.bottom() + frame.row + 1


def test_an_empty_score_still_has_keys_and_rows():
    frame = frame_of(take_of_sample(sample("", prompt="")).score, 900, 400)
    assert frame.high - frame.low >= 20
    assert frame.beat > 0
    assert whole_width(frame, take_of_sample(sample("", prompt="")).score) > 0


def test_black_keys():
    assert [pitch for pitch in range(60, 72) if is_black(pitch)] == [61, 63, 66, 68, 70]


def test_lane_bars_are_as_high_as_the_probability():
    take = take_of_sample(sample())
    frame = frame_of(take.score, 900, 400)
    note = take.score.notes[0]
    full, half = frame.lane_rect(note, 1.0), frame.lane_rect(note, 0.5)
    assert half.height() == pytest.approx(full.height() / 2)
    assert frame.lane.contains(full)
    assert half.bottom() == full.bottom()


# What is listened to


def test_a_tune_of_the_book_until_the_model_wrote_one(session, listen):
    assert listen.take.sample is None
    written = sample()
    arrive(session, written)
    assert listen.take.sample is written


def test_a_project_without_tunes_has_no_take(make_session, opener, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("words and words " * 300, encoding="utf-8")
    session = make_session("char-lstm", path)
    listen = ListenSession(session, opener)
    arrive(session, sample())
    assert not listen.is_music
    assert listen.take is None
    listen.close()


def test_the_training_clock_chooses_the_sample(session, listen):
    young, old = sample(step=10), sample("GG|", step=90)
    arrive(session, young, old)
    assert listen.take.sample is old
    session.move_cursor(step=40)
    assert listen.take.sample is young
    session.move_cursor(step=None)
    assert listen.take.sample is old
    session.move_cursor(t=3)
    assert listen.take.sample is old


def test_a_text_that_is_being_written_is_followed(session, listen):
    session.state = "running"
    arrive(session, sample("CD", p=0.5, done=False))
    assert len(listen.take.score.notes) == 2
    assert listen.can_play
    arrive(session, sample("CDEF|", p=0.5, done=False))
    assert len(listen.take.score.notes) == 4
    arrive(session, sample())
    assert listen.can_play


def test_a_text_left_behind_by_an_ended_run_is_not_shown(session, listen):
    session.state = "finished"
    whole = sample(step=10)
    arrive(session, whole, sample("CD", step=20, done=False))
    assert listen.take.sample is whole


def test_a_chosen_sample_stays_until_the_newest_is_wanted(session, listen):
    young, old, newest = sample(step=10), sample(step=90), sample(step=95)
    arrive(session, young, old)
    listen.choose(young)
    arrive(session, newest)
    assert listen.take.sample is young
    listen.go_live()
    assert listen.take.sample is newest


def test_a_run_that_begins_is_followed_again(session, listen):
    arrive(session, sample())
    listen.choose(session.history.samples[0])
    session.history = RunHistory("lstm-2")
    session.run_changed.emit()
    assert listen.live
    assert listen.take.sample is None


# Sound


def test_the_playhead_follows_the_clock_of_the_output(qtbot, session, listen, clock):
    arrive(session, sample())
    ready(qtbot, listen)
    assert not listen.playing
    listen.play()
    assert listen.playing
    clock.now += 1.5
    assert listen.position_beats == pytest.approx(3.0, abs=1e-3)  # 120 a minute
    listen.pause()
    clock.now += 10
    assert listen.position_beats == pytest.approx(3.0, abs=1e-3)
    listen.toggle()
    clock.now += 0.5
    assert listen.position_beats == pytest.approx(4.0, abs=1e-3)
    listen.stop()
    assert (listen.position_beats, listen.playing) == (0.0, False)


def test_play_before_the_sound_is_made_plays_as_soon_as_it_is(qtbot, session, listen, clock):
    arrive(session, sample())
    with qtbot.waitSignal(listen.playing_changed):
        listen.play()
    assert listen.playing
    qtbot.waitUntil(lambda: listen._ready)
    clock.now += 1.0
    assert listen.position_beats == pytest.approx(2.0, abs=1e-3)


def test_seeking_jumps_and_goes_on(qtbot, session, listen, clock):
    arrive(session, sample())
    listen.seek(6.0)
    assert listen.position_beats == 6.0
    ready(qtbot, listen)
    assert listen.position_beats == pytest.approx(6.0, abs=1e-3)
    listen.play()
    listen.seek(2.0)
    clock.now += 0.25
    assert listen.position_beats == pytest.approx(2.5, abs=1e-3)
    listen.seek(-4.0)
    assert listen.position_beats == pytest.approx(0.0, abs=1e-3)
    listen.seek(400.0)
    assert listen.position_beats == pytest.approx(8.0, abs=1e-3)


def test_a_loop_comes_back_to_the_beginning(qtbot, session, listen, clock):
    arrive(session, sample())
    ready(qtbot, listen)
    listen.set_loop(True)
    listen.play()
    clock.now += 5.0  # eight beats last four seconds
    assert listen.position_beats == pytest.approx(2.0, abs=1e-3)
    listen.set_loop(False)
    clock.now += 60.0
    qtbot.waitUntil(lambda: not listen.playing)
    assert listen.position_beats == pytest.approx(8.0)


def test_another_tempo_keeps_the_beat_and_goes_on_playing(qtbot, session, listen, clock):
    arrive(session, sample())
    ready(qtbot, listen)
    listen.play()
    clock.now += 1.0
    listen.set_tempo(60)
    assert listen.playing
    assert listen.position_beats == pytest.approx(2.0, abs=1e-2)
    clock.now += 1.0
    assert listen.position_beats == pytest.approx(3.0, abs=1e-2)
    arrive(session, sample("GGGG|", step=200))
    assert listen.take.sample.step == 100  # a tune that plays is not taken away


def test_an_instrument_is_for_all_voices_and_a_part_for_one(qtbot, session, listen):
    arrive(session, sample("V:1\nCD|\nV:2\nEF|\n"))
    assert listen.instrument == "piano"
    assert [(part.voice, part.instrument) for part in listen.parts] == [(0, "piano"), (1, "piano")]
    listen.set_instrument("organ")
    listen.set_part(Part(1, "flute", gain=0.5, pan=-0.2))
    assert listen.parts == (Part(0, "organ"), Part(1, "flute", 0.5, -0.2))
    assert listen.sequencer.arrangement.parts == listen.parts
    arrive(session, sample("GG|", step=200))
    assert listen.parts == (Part(0, "organ"),)


def test_a_wanted_tune_is_heard_while_it_is_written(qtbot, session, listen, clock, monkeypatch):
    sent = []
    monkeypatch.setattr(session, "write", lambda *wish: sent.append(wish) or 5)
    arrive(session, sample())
    ready(qtbot, listen)
    listen.play()
    assert listen.write("X:1\n", 100, 0.7, 3, 0.9, 42) == 5
    assert sent == [("X:1\n", 100, 0.7, 3, 0.9, 42)]
    assert not listen.playing
    arrive(session, sample("G", request=5, done=False))
    assert listen.take.sample.request == 5
    assert listen.playing
    assert listen.starved
    assert listen.position_beats == 0.0  # half a second is waited for
    arrive(session, sample("GGGG|GG", request=5, done=False))
    clock.now += 1.25
    assert listen.position_beats == pytest.approx(2.5, abs=1e-3)
    clock.now += 10
    assert listen.position_beats == pytest.approx(5.0, abs=1e-3)  # the last note may still grow
    assert listen.starved
    arrive(session, sample("GGGG|GGGG|", request=5))
    clock.now += 0.25
    assert listen.position_beats == pytest.approx(5.5, abs=1e-3)
    clock.now += 10
    assert not listen.playing
    assert not listen.starved


def test_a_paused_tune_is_not_begun_again_by_what_is_written(qtbot, session, listen, monkeypatch):
    monkeypatch.setattr(session, "write", lambda *_wish: 5)
    ready(qtbot, listen)
    listen.write("X:1\n", 100, 0.7, 3, 0.9, 42)
    arrive(session, sample("GGGG|G", request=5, done=False))
    assert listen.playing
    listen.pause()
    arrive(session, sample("GGGG|GGG", request=5, done=False))
    arrive(session, sample("GGGG|GGGG|", request=5))
    assert not listen.playing
    assert len(listen.take.score.notes) == 8


def test_a_second_tune_in_the_text_does_not_replace_the_one_that_is_heard(
    qtbot, session, listen, clock
):
    session.state = "running"
    ready(qtbot, listen)
    arrive(session, sample("CDEF|GA", done=False))
    listen.play()
    arrive(session, sample("CDEF|GABc|\n\nX:2\nK:C\ngg", done=False))
    assert listen.take.title == "Scale"
    assert listen.sequencer.arrangement.complete
    clock.now += 60
    assert not listen.playing


# Edits


def moved_up(score, by=1):
    return replace(score, notes=tuple(replace(n, pitch=n.pitch + by) for n in score.notes))


def test_an_edit_is_the_tune_that_is_heard_and_can_be_taken_back(qtbot, session, listen, clock):
    arrive(session, sample())
    ready(qtbot, listen)
    before = listen.take
    listen.play()
    clock.now += 1.0
    listen.edit(moved_up(before.score, 12), "Move 8 notes")
    assert listen.playing
    assert listen.position_beats == pytest.approx(2.0, abs=1e-3)
    assert [note.pitch for note in listen.take.score.notes] == [p + 12 for p in PITCHES]
    assert listen.sequencer.arrangement.score.notes[0].pitch == 72
    written = read_tune(listen.take.text).score
    assert [note.pitch for note in written.notes] == [p + 12 for p in PITCHES]
    note = listen.take.score.notes[1]
    assert listen.take.text[slice(*listen.take.source(note))].startswith("d")
    assert math.isnan(listen.take.chances[0])
    assert (listen.can_undo, listen.can_redo, listen.undo_label) == (True, False, "Move 8 notes")
    arrive(session, sample("GGGG|", step=200))
    assert listen.take.score.notes[0].pitch == 72
    listen.undo()
    assert listen.take is before
    assert (listen.can_undo, listen.can_redo) == (False, True)
    listen.redo()
    assert listen.take.score.notes[0].pitch == 72
    assert listen.playing


def test_edits_of_another_tune_are_forgotten(session, listen):
    arrive(session, sample(), sample("GG|", step=200))
    listen.edit(moved_up(listen.take.score), "Move")
    listen.choose(session.history.samples[0])
    assert not listen.can_undo
    listen.undo()
    assert listen.take.sample is session.history.samples[0]


def test_what_abc_cannot_say_is_kept_in_the_edited_score(session, listen):
    arrive(session, sample())
    quiet = replace(
        listen.take.score, notes=tuple(replace(n, velocity=33) for n in listen.take.score.notes)
    )
    listen.edit(quiet, "Velocity")
    assert {note.velocity for note in listen.take.score.notes} == {33}


# Loop and metronome


def test_a_range_is_looped_and_moved_while_playing(qtbot, session, listen, clock):
    arrive(session, sample())
    ready(qtbot, listen)
    listen.set_loop_range(2.0, 4.0)
    assert listen.looped
    listen.play()
    clock.now += 2.5  # five beats: 0-4, then one of the loop
    assert listen.position_beats == pytest.approx(3.0, abs=1e-3)
    listen.set_loop_range(2.0, 6.0)
    clock.now += 2.0
    assert listen.position_beats == pytest.approx(3.0, abs=1e-3)
    listen.set_loop(False)
    assert listen.loop_range == (2.0, 6.0)
    clock.now += 10
    assert not listen.playing
    listen.set_loop_range(0, 0)
    assert listen.loop_range is None


def test_the_metronome_is_part_of_what_is_played(session, listen):
    arrive(session, sample())
    with_clicks = []
    listen.sound_changed.connect(lambda: with_clicks.append(listen.metronome))
    listen.set_metronome(True)
    assert with_clicks == [True]
    assert listen.sequencer.arrangement.metronome


# A device that goes away


def test_a_device_that_goes_away_is_told_and_looked_for_again(qtbot, session, clock):
    device = FakeSounddevice()
    outputs = [(SoundOutput(device, RATE), ""), (NullOutput(RATE, clock), "")]
    listen = ListenSession(session, lambda: outputs.pop(0))
    arrive(session, sample())
    listen.play()
    qtbot.waitUntil(lambda: device.stream.active)
    assert not listen.can_retry_sound
    device.stream.active = False  # unplugged: PortAudio ends the stream
    qtbot.waitUntil(lambda: listen.message != "")
    assert "does not answer any more" in listen.message
    assert listen.playing
    assert listen.can_retry_sound
    listen.retry_sound()
    qtbot.waitUntil(lambda: listen.message == "")
    assert listen.playing
    listen.close()


def test_text_without_notes_cannot_be_played(session, listen):
    arrive(session, sample("zzz", prompt=""))
    assert not listen.can_play
    listen.play()
    assert not listen.playing


def test_clicking_a_character_seeks_and_moves_the_sequence_clock(session, listen):
    arrive(session, sample())
    listen.go_to(len(HEAD) + 6)
    assert session.cursor.t == len(HEAD) + 6
    assert listen.position_beats == 5.0


def test_a_character_of_another_tune_takes_that_tune_up(session, listen):
    both = HEAD + MUSIC + "\nX:2\nT:Second\nL:1/4\nK:C\nef|\n"
    arrive(session, sample(both, prompt=""))
    assert listen.take.title == "Scale"
    listen.go_to(both.index("ef|") + 1)
    assert listen.take.title == "Second"
    assert listen.position_beats == 1.0


# Saving


def test_saved_files_read_back(qtbot, session, listen, tmp_path):
    arrive(session, sample())
    listen.set_tempo(90)
    menu = SaveMenu(listen)
    qtbot.addWidget(menu)
    for name in ("tune.abc", "tune.mid", "tune.wav"):
        with qtbot.waitSignal(menu.saved, timeout=30_000) as caught:
            menu.save(str(tmp_path / name))
        assert caught.args[0].error is None
    tune = read_tune((tmp_path / "tune.abc").read_text(encoding="utf-8"))
    assert [note.pitch for note in tune.score.notes] == PITCHES
    score = read_midi(tmp_path / "tune.mid")
    assert [note.pitch for note in score.notes] == PITCHES
    assert [note.start for note in score.notes] == [Fraction(n) for n in range(8)]
    assert score.tempo_bpm == pytest.approx(90, abs=0.01)
    with wave.open(io.BytesIO((tmp_path / "tune.wav").read_bytes())) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        seconds = file.getnframes() / RATE
    assert seconds == pytest.approx(8 * 60 / 90 + TAIL_S, abs=0.01)


def test_a_soundfont_plays_and_is_remembered(qtbot, session, listen, tmp_path):
    path = tmp_path / "small.sf2"
    path.write_bytes(small_font().bytes())
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    field = FontField(listen, kept)
    qtbot.addWidget(field)
    field.take(str(path))
    qtbot.waitUntil(lambda: listen.font is not None, timeout=30_000)
    assert field.choose.text() == "small"
    assert kept.value("soundfont") == str(path)
    field.forget()
    assert listen.font is None
    assert kept.value("soundfont") is None


def test_a_damaged_soundfont_is_refused_with_a_sentence(qtbot, session, listen, tmp_path):
    path = tmp_path / "broken.sf2"
    path.write_bytes(small_font().bytes()[:200])
    listen.set_font(path)
    qtbot.waitUntil(lambda: listen.error is not None, timeout=30_000)
    assert listen.font is None
    assert "SoundFont" in listen.error.what


def test_closing_stops_sound_and_workers(qtbot, session, opener):
    listen = ListenSession(session, opener)
    arrive(session, sample())
    ready(qtbot, listen)
    listen.play()
    listen.close()
    assert not listen.playing
    assert listen._chores._workers is None


# A keyboard


class Keys:
    """A system of MIDI ports in memory; `play` is a keyboard."""

    def __init__(self):
        self.port = MemoryPort()

    def ports(self):
        return Ports(("Synth",), ("Keys",))

    def open_output(self, name):
        if name != "Synth":
            raise DeviceError(f"the MIDI port {name} does not open", "", "connect it")
        return self.port

    def open_input(self, _name, heard):
        self.play = lambda kind, pitch: heard(mido.Message(kind, note=pitch, velocity=70))
        return MemoryPort()


@pytest.fixture
def keys(qtbot, session, listen):
    listen.midi = Keys()
    arrive(session, sample())
    ready(qtbot, listen)
    listen.look_for_ports()
    qtbot.waitUntil(lambda: listen.midi_ports().inputs == ("Keys",))
    return listen.midi


def test_notes_go_to_the_chosen_port_and_panic_silences_it(qtbot, listen, keys, clock):
    listen.set_midi_out("Synth")
    qtbot.waitUntil(lambda: listen.sequencer.midi is not None)
    listen.play()
    clock.now += 0.7
    qtbot.waitUntil(lambda: held_notes(keys.port.sent) == 1)
    listen.panic()
    assert held_notes(keys.port.sent) == 0
    assert not listen.playing
    listen.set_midi_out("")
    assert keys.port.closed


def test_a_port_that_does_not_open_is_told(qtbot, listen, keys):
    listen.set_midi_out("Other")
    qtbot.waitUntil(lambda: listen.midi_message != "")
    assert listen.midi_message == "The MIDI port Other does not open: connect it."


def test_a_phrase_is_recorded_behind_its_count_in(qtbot, listen, keys, clock):
    recorded = []
    listen.phrase_recorded.connect(recorded.append)
    listen.set_midi_in("Keys")
    qtbot.waitUntil(lambda: hasattr(keys, "play") and not listen._chores)
    listen.record()
    qtbot.waitUntil(lambda: not listen._chores and listen.playing)
    clock.now += 2.0  # the bar that is counted
    keys.play("note_on", 64)
    clock.now += 0.52
    keys.play("note_off", 64)
    assert listen.recording
    listen.stop_recording()
    (phrase,) = recorded
    assert [(note.pitch, note.start, note.length) for note in phrase.notes] == [(64, 0, 1)]
    assert not listen.recording
    assert listen.sequencer.arrangement.score.notes[0].pitch == 60  # the tune is back


def test_playing_in_turns_hands_phrases_over_and_plays_answers(
    qtbot, session, listen, keys, clock
):
    phrases = []
    listen.phrase_heard.connect(phrases.append)
    listen.begin_jam()
    qtbot.waitUntil(lambda: not listen._chores)
    clock.now += 0.01
    listen.note_on(67)
    clock.now += 0.5
    listen.note_off(67)
    clock.now += 2.1
    qtbot.waitUntil(lambda: len(phrases) == 1)
    assert [note.pitch for note in phrases[0].notes] == [67]
    arrive(session, sample("GG|", step=200))  # a tune of the run does not take the clock away
    listen.answer_jam(listen.take.score)
    answer = listen.sequencer.arrangement.score.notes
    assert answer[0].start % 4 == 0
    assert answer[0].start > 5
    listen.stop()
    assert listen.jam is None
    assert not listen.playing
    assert listen.sequencer.arrangement.score.end_beats < 100


def test_ports_are_chosen_recorded_from_and_silenced_in_the_form(qtbot, listen, keys):
    form = MidiForm(listen)
    qtbot.addWidget(form)
    assert [form.out.itemText(n) for n in range(form.out.count())] == ["None", "Synth"]
    assert not form.record_button.isEnabled()
    form.out.committed.emit("Synth")
    form.into.committed.emit("Keys")
    qtbot.waitUntil(lambda: listen.sequencer.midi is not None and not listen._chores)
    assert (form.out.value(), form.into.value()) == ("Synth", "Keys")
    form.record_button.click()
    assert listen.recording
    assert form.record_button.text() == "Stop recording"
    form.record_button.click()
    assert not listen.recording
    form.panic_button.click()
    assert [m for m in keys.port.sent if m.type == "control_change" and m.control == 123]
