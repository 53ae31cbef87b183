"""Notes to a MIDI port and from one, phrases, and playing in turns: ports live in memory."""

from __future__ import annotations

from fractions import Fraction

import mido
import pytest

from seqstudio.audio.arrangement import Arrangement, Part
from seqstudio.audio.jam import Jam
from seqstudio.audio.midi_out import MidiSender
from seqstudio.audio.midi_ports import MidiSystem
from seqstudio.audio.output import NullOutput, SoundOutput
from seqstudio.audio.phrases import Feel, Recorder
from seqstudio.bench.soundness import MemoryPort, held_notes
from seqstudio.core.errors import DeviceError
from seqstudio.music.score import Note, Score, Track
from tests.audio.sound_doubles import (
    BLOCK,
    RATE,
    FakeSounddevice,
    FakeTime,
    LevelBand,
    Steps,
    tune,
)

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


class Stage:
    """A sequencer without sound and with a port, on a clock that the test turns."""

    def __init__(self):
        self.clock = FakeTime()
        self.port = MemoryPort()
        self.sequencer = Steps(NullOutput(RATE, self.clock), LevelBand())
        self.times = []
        self.port.send = self.keep
        self.sequencer.set_midi(MidiSender(self.port))

    def keep(self, message):
        self.port.sent.append(message)
        self.times.append(self.clock.now)

    def wait(self, seconds, step=0.005):
        for _ in range(round(seconds / step)):
            self.clock.now += step
            self.sequencer.work()

    def sent(self, *kinds):
        return [message for message in self.port.sent if message.type in kinds]


@pytest.fixture
def stage():
    stage = Stage()
    yield stage
    stage.sequencer.close()


def test_notes_are_sent_when_they_are_heard(stage):
    stage.sequencer.arrange(Arrangement(tune(SCALE)))
    stage.sequencer.play()
    began = stage.clock.now
    stage.wait(5.0)
    on = [(m, t - began) for m, t in zip(stage.port.sent, stage.times, strict=True)
          if m.type == "note_on"]  # fmt: skip
    assert [m.note for m, _ in on] == SCALE
    for number, (_, at) in enumerate(on):
        assert number * 0.5 <= at + 1e-6 <= number * 0.5 + 0.011
    assert held_notes(stage.port.sent) == 0


def test_on_a_slow_device_notes_wait_until_they_are_heard():
    clock, port = FakeTime(), MemoryPort()
    device = FakeSounddevice(0.2)
    sequencer = Steps(SoundOutput(device, RATE, clock=clock), LevelBand())
    sequencer.set_midi(MidiSender(port))
    sequencer.arrange(Arrangement(tune(SCALE)))
    sequencer.play()
    sequencer.work()
    first = None
    for block in range(60):
        device.stream.block()
        clock.now += BLOCK / RATE
        sequencer.work()
        if first is None and any(m.type == "note_on" for m in port.sent):
            first = (block + 1) * BLOCK / RATE
    assert first == pytest.approx(0.01, abs=0.011)  # the clock stands at 0 until 0.2 s are there
    on = [m.note for m in port.sent if m.type == "note_on"]
    assert on == [60]  # 0.6 s asked for, 0.4 s heard
    sequencer.close()


def test_the_clock_ticks_24_times_a_beat_through_a_change_of_tempo(stage):
    stage.sequencer.arrange(Arrangement(tune(SCALE, tempos=((Fraction(4), 60.0),))))
    stage.sequencer.play()
    stage.wait(7.0)
    kinds = [m.type for m in stage.sent("songpos", "start", "continue", "stop", "clock")]
    assert kinds[:2] == ["songpos", "start"]
    assert kinds.count("clock") == 8 * 24
    assert kinds[-1] == "stop"


def test_playing_on_in_the_middle_tells_the_song_position(stage):
    stage.sequencer.arrange(Arrangement(tune(SCALE)))
    stage.sequencer.seek(3.0)
    stage.sequencer.play()
    stage.wait(0.1)
    position, go = stage.sent("songpos", "start", "continue")
    assert (position.pos, go.type) == (12, "continue")


def test_a_loop_tells_the_song_position_at_every_turn(stage):
    stage.sequencer.arrange(Arrangement(tune(SCALE)))
    stage.sequencer.loop = (2.0, 4.0)
    stage.sequencer.play()
    stage.wait(4.2)
    assert [m.pos for m in stage.sent("songpos")] == [0, 8, 8, 8]


def test_programs_channels_volume_and_pan_follow_the_parts(stage):
    notes = tuple(Note(60, Fraction(n), Fraction(1), voice=n) for n in range(3))
    tracks = (Track(0, program=40), Track(1), Track(2, drums=True))
    parts = (Part(0, "strings", 0.5, -1.0), Part(1, "organ"), Part(2, "drums"))
    stage.sequencer.arrange(Arrangement(Score(notes, tracks=tracks), parts))
    programs = {m.channel: m.program for m in stage.sent("program_change")}
    assert programs[0] == 40
    assert programs[1] == 19
    assert 9 in programs
    values = {(m.channel, m.control): m.value for m in stage.sent("control_change")}
    assert (values[0, 7], values[0, 10]) == (50, 1)
    stage.sequencer.play()
    stage.wait(2.0)
    assert [m.channel for m in stage.sent("note_on")] == [0, 1, 9]


@pytest.mark.parametrize("way", ["stop", "pause", "seek", "panic", "close"])
def test_every_way_to_stop_releases_every_note(stage, way):
    chord = Score(tuple(Note(p, Fraction(0), Fraction(8)) for p in (60, 64, 67)))
    stage.sequencer.arrange(Arrangement(chord))
    stage.sequencer.play()
    stage.wait(0.5)
    assert held_notes(stage.port.sent) == 3
    if way == "seek":
        stage.sequencer.pause()
    getattr(stage.sequencer, way)(*([1.0] if way == "seek" else []))
    assert held_notes(stage.port.sent) == 0
    off = [m for m in stage.sent("control_change") if m.control == 123]
    assert {m.channel for m in off} == set(range(16))
    sustain = [m for m in stage.sent("control_change") if m.control == 64]
    assert {m.value for m in sustain} == {0}


def test_a_pitch_struck_while_it_sounds_is_released_first(stage):
    long, short = Fraction(4), Fraction(1)
    score = Score((Note(60, Fraction(0), long), Note(60, Fraction(1), short)))
    stage.sequencer.arrange(Arrangement(score))
    stage.sequencer.play()
    stage.wait(3.0)
    kinds = [m.type for m in stage.sent("note_on", "note_off")]
    assert kinds == ["note_on", "note_off", "note_on", "note_off"]


def test_a_port_that_fails_is_given_up_and_playing_goes_on(stage):
    def broken(_message):
        raise OSError("unplugged")

    stage.port.send = broken
    stage.sequencer.arrange(Arrangement(tune(SCALE)))
    stage.sequencer.play()
    stage.wait(1.0)
    assert "does not answer" in stage.sequencer.midi.trouble.what
    assert stage.sequencer.position_beats == pytest.approx(2.0, abs=0.01)


def test_keys_sound_at_once_here_and_at_the_port(stage):
    stage.sequencer.set_live(True)
    stage.sequencer.note_on(60, 90, "piano")
    stage.sequencer.note_on(60, 91, "piano")
    stage.sequencer.note_off(60)
    stage.sequencer.note_off(61)
    notes = [(m.type, m.note, m.channel) for m in stage.sent("note_on", "note_off")]
    assert notes == [("note_on", 60, 15), ("note_off", 60, 15)] * 2


# Ports


class Backend:
    """Like the module mido, with ports in memory."""

    def __init__(self, error=None):
        self.error = error

    def get_output_names(self):
        if self.error:
            raise self.error
        return ["Synth", "Synth", "Other"]

    def get_input_names(self):
        return ["Keys"]

    def open_output(self, name):
        if name == "gone":
            raise RuntimeError("no such port")
        return MemoryPort()

    def open_input(self, name, callback):
        port = MemoryPort()
        port.play = callback
        return port


def test_ports_are_listed_once_each():
    ports = MidiSystem(Backend()).ports()
    assert (ports.outputs, ports.inputs, ports.message) == (("Synth", "Other"), ("Keys",), "")


@pytest.mark.parametrize(
    ("error", "words"),
    [(ModuleNotFoundError("rtmidi"), "python-rtmidi"), (RuntimeError("ALSA"), "no MIDI system")],
)
def test_without_midi_there_is_a_sentence(error, words):
    ports = MidiSystem(Backend(error)).ports()
    assert (ports.outputs, ports.inputs) == ((), ())
    assert words in ports.message


def test_this_computer_answers_without_raising():
    ports = MidiSystem().ports()
    assert ports.outputs or ports.inputs or ports.message or ports == type(ports)()


def test_a_port_that_does_not_open_says_so():
    with pytest.raises(DeviceError, match="gone"):
        MidiSystem(Backend()).open_output("gone")


# Phrases


def test_a_phrase_is_drawn_to_the_grid_as_far_as_wanted():
    for strength, start, length in ((1.0, 1.0, 1.0), (0.0, 1.1, 0.85), (0.5, 1.05, 0.925)):
        recorder = Recorder(Feel(strength=strength), begins=4.0)
        recorder.note_on(5.1, 60, 77)
        recorder.note_off(5.95, 60)
        (note,) = recorder.score(9.0).notes
        assert float(note.start) == pytest.approx(start, abs=0.002)
        assert float(note.length) == pytest.approx(length, abs=0.002)
        assert note.velocity == 77


def test_notes_of_the_count_in_are_left_out_but_a_hasty_first_one_counts():
    recorder = Recorder(Feel(), begins=4.0)
    recorder.note_on(2.0, 50, 80)
    recorder.note_off(2.5, 50)
    recorder.note_on(3.95, 60, 80)
    recorder.note_off(4.5, 60)
    (note,) = recorder.score(8.0).notes
    assert (note.pitch, note.start) == (60, 0)


def test_keys_that_are_down_end_now_and_a_short_touch_still_lasts():
    recorder = Recorder(Feel())
    recorder.note_on(0.0, 60, 80)
    recorder.note_on(1.0, 62, 80)
    recorder.note_off(1.01, 62)
    held, touch = recorder.score(3.0).notes
    assert (held.length, touch.length) == (3, Fraction(1, 4))
    assert recorder.score(3.0).end_beats == 4
    assert recorder.held


def test_a_phrase_has_bars_and_clicks():
    feel = Feel(90.0, (3, 4))
    assert feel.clicks(2).bar_starts == (0, 3)
    assert feel.clicks(2).end_beats == 6
    assert Recorder(feel).score(0.0).notes == ()


# In turns


def test_a_phrase_ends_with_a_bar_of_rest_and_the_answer_begins_on_a_bar_line(stage):
    jam = Jam(stage.sequencer, Feel(120.0))
    jam.begin()
    stage.wait(2.1)  # a bar lasts two seconds
    jam.note_on(60, 80)
    stage.wait(0.4)
    jam.note_off(60)
    assert jam.take_phrase() is None
    stage.wait(1.9)
    assert jam.take_phrase() is None
    stage.wait(0.2)
    phrase = jam.take_phrase()
    assert [(n.pitch, n.start, n.length) for n in phrase.notes] == [(60, Fraction(1, 4), 0.75)]
    assert jam.answering
    assert jam.take_phrase() is None
    begins = jam.answer(tune([72, 74], bpm=60.0))
    assert begins == 12  # now it is beat 9.2
    stage.port.sent.clear()
    stage.times.clear()
    stage.wait(3.0)
    on = [(m.note, t) for m, t in zip(stage.port.sent, stage.times, strict=True)
          if m.type == "note_on"]  # fmt: skip
    assert [note for note, _ in on] == [72, 74]
    assert on[1][1] - on[0][1] == pytest.approx(0.5, abs=0.011)
    assert not jam.answering
    jam.end()
    assert held_notes([m for m in stage.port.sent if m.type.startswith("note")]) == 0


def test_a_phrase_can_be_ended_by_hand(stage):
    jam = Jam(stage.sequencer, Feel(120.0))
    jam.begin()
    assert jam.take_phrase(now=True) is None
    stage.wait(0.1)
    jam.note_on(60, 80)
    stage.wait(0.5)
    assert [note.pitch for note in jam.take_phrase(now=True).notes] == [60]


def test_messages_are_those_of_mido(stage):
    stage.sequencer.arrange(Arrangement(tune(SCALE)))
    stage.sequencer.play()
    stage.wait(0.1)
    assert all(isinstance(message, mido.Message) for message in stage.port.sent)
