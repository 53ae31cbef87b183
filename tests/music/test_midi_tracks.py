"""MIDI files: voices with names and programs, drums, pedal, changes of tempo and metre."""

from __future__ import annotations

import io
from fractions import Fraction

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.music.midi import midi_bytes, open_midi, read_midi
from seqstudio.music.score import Note, Score, Track

END = b"\x00\xff\x2f\x00"
BEAT = b"\x83\x60"  # 480 ticks


def chunk(name, body):
    return name + len(body).to_bytes(4, "big") + body


def file_of(*tracks, form=1, division=480):
    header = b"".join(n.to_bytes(2, "big") for n in (form, len(tracks), division))
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", track + END) for track in tracks)


def note(pitch=60, channel=0, wait=b"\x00", length=BEAT):
    on, off = bytes([0x90 | channel, pitch, 64]), bytes([0x80 | channel, pitch, 64])
    return wait + on + length + off


def name(text):
    return b"\x00\xff\x03" + bytes([len(text)]) + text.encode()


def program(number, channel=0):
    return b"\x00" + bytes([0xC0 | channel, number])


def pedal(value, wait=b"\x00", channel=0):
    return wait + bytes([0xB0 | channel, 64, value])


def sounding(score):
    return [(n.pitch, n.start, n.length, n.voice) for n in score.notes]


def lengths(score):
    return [n.length for n in score.notes]


def test_tracks_and_channels_become_voices_with_names_and_programs():
    data = file_of(
        name("The whole"),
        name("Fiddle") + program(40) + note(76),
        name("Two hands") + program(5, 1) + note(60, 1) + note(48, 2),
    )
    score = read_midi(data)
    assert score.title == "The whole"
    assert score.tracks == (
        Track(0, "Fiddle", 40),
        Track(1, "Two hands", 5),
        Track(2, "Two hands", 0),
    )
    assert sounding(score) == [(60, 0, 1, 1), (76, 0, 1, 0), (48, 1, 1, 2)]


def test_pitched_notes_are_those_that_no_drums_play():
    score = read_midi(file_of(note(60), note(36, 9)))
    assert [n.pitch for n in score.pitched] == [60]
    assert [n.pitch for n in score.notes] == [36, 60]


def test_a_change_of_program_begins_another_voice():
    score = read_midi(file_of(note(60) + program(73) + note(62) + note(64)))
    assert [track.program for track in score.tracks] == [0, 73]
    assert [n.voice for n in score.notes] == [0, 1, 1]


def test_a_program_set_on_another_track_counts_for_the_channel():
    score = read_midi(file_of(program(19, 3), note(60, 3)))
    assert score.track(score.voices[0]).program == 19


def test_the_pedal_holds_notes_until_it_goes_up():
    data = file_of(pedal(127) + note(60) + note(64) + pedal(0, BEAT))
    assert lengths(read_midi(data)) == [3, 2]
    assert lengths(open_midi(data, pedal=False).score) == [1, 1]


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        (pedal(127) + note() + note(), [1, 1]),  # struck again
        (pedal(127) + note() + note(64) + note() + pedal(0, BEAT), [2, 3, 2]),
        (pedal(127) + note() + pedal(0) + pedal(127) + note(64), [1, 1]),  # changed in between
        (note() + pedal(127) + note(64) + pedal(63, BEAT), [1, 2]),  # down at the very end
        (pedal(127) + note() + b"\x83\x60\xb0\x07\x40", [2]),  # never up
        (pedal(127, channel=1) + note() + pedal(0, BEAT, channel=1), [1]),  # elsewhere
    ],
)
def test_pedalling(track, expected):
    assert lengths(read_midi(file_of(track))) == expected


def test_the_pedal_of_a_track_holds_the_channel_in_every_track():
    data = file_of(pedal(127) + pedal(0, b"\x87\x40"), note(60))
    assert lengths(read_midi(data)) == [2]


def test_all_notes_off_ends_the_notes_of_its_channel():
    data = file_of(
        b"\x00\x90\x3c\x40\x00\x91\x40\x40" + BEAT + b"\xb0\x7b\x00" + BEAT + b"\x81\x40\x00"
    )
    reading = open_midi(data)
    assert lengths(reading.score) == [1, 2]
    assert reading.warnings == ()


def test_patterns_of_a_type_2_file_have_their_own_tempo_metre_and_programs():
    tempo = b"\x00\xff\x51\x03\x0f\x42\x40"  # 60 a minute
    waltz = b"\x00\xff\x58\x04\x03\x02\x18\x08"
    bar = note(length=b"\x8b\x20")
    score = read_midi(file_of(tempo + waltz + program(9) + bar + bar, note(), form=2))
    assert (score.tempo_bpm, score.tempos) == (60, ((6, 120),))
    assert score.bar_starts == (0, 3, 6)
    assert [score.track(n.voice).program for n in score.notes] == [9, 9, 0]


def test_times_of_smpte_files_are_seconds_whatever_their_tempo_says():
    tempo = b"\x00\xff\x51\x03\x0f\x42\x40"
    # 29.97 frames of 40 ticks: 480 ticks are 0.4004 s.
    score = read_midi(file_of(tempo + note(), division=0xE328))
    assert score.end_seconds == pytest.approx(480 / (40 * 30000 / 1001), rel=1e-9)


def test_a_pickup_keeps_its_bar_and_the_metre():
    bars = (Fraction(0), Fraction(1), Fraction(5), Fraction(9))
    score = Score((Note(60, Fraction(0), Fraction(13)),), meter=(4, 4), bar_starts=bars)
    back = read_midi(midi_bytes(score))
    assert (back.meter, back.bar_starts) == ((4, 4), bars)


def test_changes_of_metre_come_back_in_the_bars():
    lengths_of_bars = [Fraction(3), Fraction(3), Fraction(5, 2), Fraction(4), Fraction(7, 2)]
    bars = [sum(lengths_of_bars[:n], Fraction(0)) for n in range(6)]
    score = Score((Note(60, Fraction(0), bars[-1]),), meter=(6, 8), bar_starts=tuple(bars[:-1]))
    back = read_midi(midi_bytes(score))
    assert (back.meter, back.bar_starts) == ((6, 8), score.bar_starts)


def test_very_many_changes_of_tempo_are_joined_and_end_at_the_same_time():
    steps = b"".join(
        b"\x10\xff\x51\x03" + (400_000 + 37 * n).to_bytes(3, "big") for n in range(5_000)
    )
    reading = open_midi(file_of(steps + note()))
    mido_length = mido.MidiFile(file=io.BytesIO(file_of(steps + note()))).length
    assert len(reading.score.tempos) <= 1_000
    assert reading.score.end_seconds == pytest.approx(mido_length, rel=1e-9)
    assert "tempo" in reading.warnings[0]


def test_events_and_notes_beyond_the_limits_are_left_out():
    reading = open_midi(file_of(b"\x00\x90\x3c\x40" + b"\x01\x3c\x00" * 201_000))
    assert len(reading.score.notes) == 1
    assert reading.score.end_beats == Fraction(199_999, 480)
    assert "200,000" in reading.warnings[0]
    reading = open_midi(file_of(b"\x00\x90\x3c\x40" + b"\x01\x3c\x00\x00\x3c\x40" * 51_000))
    assert len(reading.score.notes) == 50_000
    assert "50,000" in reading.warnings[0]


def test_twenty_programs_come_back_though_there_are_fifteen_channels():
    notes = tuple(Note(60 + n, Fraction(0), Fraction(1), voice=n) for n in range(20))
    tracks = tuple(Track(n, f"Voice {n}", 5 * n) for n in range(20))
    back = read_midi(midi_bytes(Score(notes, tracks=tracks)))
    assert back.tracks == tracks
    assert sounding(back) == sounding(Score(notes))


def test_voices_beyond_fifteen_share_the_channel_of_their_program():
    notes = tuple(Note(60, Fraction(n), Fraction(1), voice=n) for n in range(17))
    tracks = tuple(Track(n, "", n % 4) for n in range(17))
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(Score(notes, tracks=tracks))))
    channels = [m.channel for track in file.tracks for m in track if m.type == "note_on"]
    assert channels == [*range(9), *range(10, 16), 15 % 4, 16 % 4]


def test_names_that_no_file_can_hold_are_written_all_the_same():
    score = Score((Note(60, Fraction(0), Fraction(1)),), title="\udcff tune " + "é" * 300)
    assert read_midi(midi_bytes(score)).title.startswith("? tune éé")


times = st.integers(0, 420).map(lambda steps: Fraction(steps, 14))
voices = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 127),
            times,
            st.integers(1, 60).map(lambda steps: Fraction(steps, 9)),
            st.integers(1, 127),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda each: each[0],
    ),
    min_size=1,
    max_size=4,
)
players = st.lists(
    st.tuples(st.text("abc é", max_size=6), st.integers(0, 127), st.booleans()),
    min_size=4,
    max_size=4,
)
changes = st.dictionaries(
    st.integers(1, 25), st.sampled_from([40, 75, 93.75, 120, 240]), max_size=4
)


@settings(max_examples=50, deadline=None)
@given(voices, players, changes)
def test_tracks_drums_and_tempos_survive_the_round_trip(voices, players, changes):
    notes = [
        Note(pitch, start, length, velocity, number)
        for number, voice in enumerate(voices)
        for pitch, start, length, velocity in voice
    ]
    tracks = tuple(
        Track(number, text.strip(), kind, drums)
        for number, (text, kind, drums) in enumerate(players[: len(voices)])
    )
    end = max(n.end for n in notes)
    tempos, last = [], 100.0
    for beat, bpm in sorted(changes.items()):
        if beat < end and bpm != last:
            tempos.append((Fraction(beat), bpm))
            last = bpm
    score = Score(tuple(notes), 100.0, tempos=tuple(tempos), tracks=tracks)
    back = read_midi(midi_bytes(score))

    def key(score):
        return sorted(
            (n.start, n.pitch, n.length, n.velocity, score.track(n.voice).name)
            for n in score.notes
        )

    assert key(back) == key(score)
    assert back.tempo_bpm == pytest.approx(100)
    assert [beat for beat, _ in back.tempos] == [beat for beat, _ in tempos]
    assert [bpm for _, bpm in back.tempos] == pytest.approx([bpm for _, bpm in tempos])
    kinds = sorted((track.name, track.program, track.drums) for track in tracks)
    named = sorted((track.name, track.program, track.drums) for track in back.tracks)
    assert named == kinds
