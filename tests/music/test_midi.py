"""MIDI files: exact round trip, real files against mido, damaged files."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.core.errors import MusicError, StorageError
from seqstudio.music.midi import midi_bytes, open_midi, read_midi, write_midi
from seqstudio.music.score import Note, Score

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
CONFORMANCE = DATA / "midi_conformance_jazzsoft"
needs_conformance = pytest.mark.skipif(
    not CONFORMANCE.exists(), reason="the MIDI conformance set is not here"
)
#: Files that mido cannot open or measure; what must come out of them is tested apart.
NOT_FOR_MIDO = {
    "test-empty-file.mid",
    "test-illegal-message-f5.mid",
    "test-non-midi-track.mid",
    "test-running-status-sysex.mid",
    "test-2-tracks-type-2.mid",
}
REAL = [path for path in sorted(DATA.glob("midi_*/**/*.mid")) if path.name not in NOT_FOR_MIDO]


def ticks(beats):
    return Fraction(beats, 480)


notes_of_one_voice = st.lists(
    st.tuples(
        st.integers(0, 127), st.integers(0, 9000), st.integers(1, 3000), st.integers(1, 127)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(notes_of_one_voice, max_size=4), st.integers(0, 5000))
def test_scores_come_back_exact_in_ticks(voices, rest):
    notes = [
        Note(pitch, ticks(start), ticks(length), velocity, number)
        for number, voice in enumerate(voices)
        for pitch, start, length, velocity in voice
    ]
    score = Score(tuple(notes), end_beats=ticks(rest))
    back = read_midi(midi_bytes(score))

    def key(note):
        return (note.start, note.pitch, note.length, note.velocity)

    assert sorted(map(key, back.notes)) == sorted(map(key, score.notes))
    assert back.end_beats == score.end_beats
    without_overlap = len({(n.voice, n.pitch) for n in notes}) == len(notes)
    if without_overlap:
        assert [n.voice for n in sorted(back.notes, key=key)] == [
            n.voice for n in sorted(score.notes, key=lambda n: (*key(n), n.voice))
        ] or len(set(map(key, notes))) < len(notes)


def test_title_tempo_metre_and_key_come_back():
    notes = (Note(66, Fraction(0), Fraction(3)),)
    score = Score(notes, 96.0, (6, 8), "F# minor", "Žalm № 5", (), Fraction(6))
    back = read_midi(midi_bytes(score))
    assert (back.title, back.meter, back.key) == ("Žalm № 5", (6, 8), "F# minor")
    assert back.tempo_bpm == pytest.approx(96.0, rel=1e-6)
    assert back.bar_starts == (0, 3)


@pytest.mark.parametrize(
    ("key", "written"),
    [("D dorian", "C major"), ("A mixolydian", "D major"), ("Eb minor", "Eb minor")],
)
def test_modes_keep_their_signature(key, written):
    assert read_midi(midi_bytes(Score(key=key))).key == written


def test_what_is_written_is_read_alike_by_mido():
    notes = (
        Note(60, Fraction(0), Fraction(1), 33, 0),
        Note(60, Fraction(1), Fraction(1, 3), 44, 0),
        Note(64, Fraction(1, 2), Fraction(2), 55, 1),
    )
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(Score(notes, 90.0))))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, 480, 3)
    assert file.length == pytest.approx(Score(notes, 90.0).end_seconds, abs=1e-5)
    sounding = [(m.type, m.note, m.time, m.channel) for m in file.tracks[1] if not m.is_meta]
    assert sounding == [
        ("note_on", 60, 0, 0),
        ("note_off", 60, 480, 0),
        ("note_on", 60, 0, 0),
        ("note_off", 60, 160, 0),
    ]
    assert {m.channel for m in file.tracks[2] if not m.is_meta} == {1}


def test_many_voices_leave_the_drum_channel_free():
    notes = tuple(Note(60, Fraction(0), Fraction(1), voice=voice) for voice in range(20))
    back = open_midi(midi_bytes(Score(notes)))
    assert len(back.score.voices) == 20
    assert back.warnings == ()


def test_extreme_scores_are_written():
    fast = Score((Note(0, Fraction(0), Fraction(1, 10_000)),), 1e9, (3, 1))
    assert read_midi(midi_bytes(fast)).notes[0].length == Fraction(2, 20_160)
    finer = Score((Note(0, Fraction(0), Fraction(1, 1_000_000)),))
    assert read_midi(midi_bytes(finer)).notes[0].length == Fraction(1, 20_160)
    assert read_midi(midi_bytes(Score(tempo_bpm=0.001))).notes == ()


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "tune.mid"
    score = Score((Note(60, Fraction(0), Fraction(1)),), title="Tune")
    write_midi(score, path)
    assert read_midi(path).notes == read_midi(str(path)).notes == score.notes
    with pytest.raises(StorageError):
        write_midi(score, tmp_path / "no folder" / "tune.mid")


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_agree_with_mido(path):
    file = mido.MidiFile(path)
    struck = sorted(
        (Fraction(tick, file.ticks_per_beat), m.note, m.velocity)
        for track in file.tracks
        for tick, m in with_ticks(track)
        if m.type == "note_on" and m.velocity
    )
    score = read_midi(path)
    assert sorted((n.start, n.pitch, n.velocity) for n in score.notes) == struck
    assert score.end_seconds == pytest.approx(file.length, rel=1e-6, abs=1e-6)


def with_ticks(track):
    now = 0
    for message in track:
        now += message.time
        yield now, message


@needs_conformance
def test_conformance_files_open_all_but_the_empty_one():
    paths = sorted(CONFORMANCE.glob("midi/*.mid"))
    assert len(paths) == 36
    with pytest.raises(MusicError, match="empty"):
        open_midi(CONFORMANCE / "midi/test-empty-file.mid")
    opened = [open_midi(path) for path in paths if path.name != "test-empty-file.mid"]
    assert len(opened) == 35


@needs_conformance
@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("test-illegal-message-f5.mid", "F5"),
        ("test-non-midi-track.mid", "no track"),
        ("test-running-status-sysex.mid", "without status"),
        ("test-corrupt-file-extra-byte.mid", "behind the last track"),
    ],
)
def test_damaged_conformance_files_give_the_c_major_scale_and_a_warning(name, warning):
    reading = open_midi(CONFORMANCE / "midi" / name)
    assert [note.pitch for note in reading.score.notes] == [60, 62, 64, 65, 67, 69, 71, 72]
    assert [note.start for note in reading.score.notes] == list(range(8))
    assert any(warning in sentence for sentence in reading.warnings)


@needs_conformance
def test_midi_2_clips_and_system_dumps_are_refused_with_a_reason():
    others = [*CONFORMANCE.glob("midi2/*"), *CONFORMANCE.glob("midi/*.syx")]
    assert len(others) == 10
    for path in others:
        with pytest.raises(MusicError) as caught:
            read_midi(path)
        assert caught.value.why


def chunk(name, body):
    return name + len(body).to_bytes(4, "big") + body


def midi_file(*tracks, form=1, division=480):
    header = b"".join(n.to_bytes(2, "big") for n in (form, len(tracks), division))
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", track) for track in tracks)


NOTE = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40"  # middle C for 480 ticks
END = b"\x00\xff\x2f\x00"


def reading(*tracks, **settings):
    return open_midi(midi_file(*tracks, **settings))


def times(read):
    return [(note.pitch, note.start, note.length) for note in read.score.notes]


def test_a_plain_file_by_hand():
    read = reading(NOTE + END)
    assert times(read) == [(60, 0, 1)]
    assert read.warnings == ()


@pytest.mark.parametrize(
    ("damage", "warning"),
    [
        (b"\x00\xf4", "F4"),
        (b"\x00\xf9", "F9"),
        (b"\x00\xfd", "FD"),
        (b"\x00\xf1\x10", "F1"),
        (b"\x00\x05", "without a message"),
        (b"\x00\x90\xff", "damaged message"),
    ],
)
def test_bad_events_are_left_out(damage, warning):
    body = NOTE if damage[-1] != 0xFF else b"\x2f\x00"
    read = reading(damage + body + END)
    assert any(warning in sentence for sentence in read.warnings)
    assert times(read) == ([(60, 0, 1)] if body == NOTE else [])


def test_hanging_and_doubled_notes_end():
    hanging = reading(b"\x00\x90\x3c\x40\x83\x60\xff\x2f\x00")
    assert times(hanging) == [(60, 0, 1)]
    assert "without an end" in hanging.warnings[0]
    on = b"\x90\x3c\x40"
    off = b"\x90\x3c\x00"
    doubled = reading(b"\x00" + on + b"\x83\x60" + on + b"\x83\x60" + off + b"\x83\x60" + off)
    assert times(doubled) == [(60, 0, 2), (60, 1, 2)]


def test_cut_off_files_keep_what_is_there():
    whole = midi_file(NOTE * 4 + END)
    read = open_midi(whole[:-14])
    assert len(read.score.notes) == 3
    assert any("cut off" in sentence for sentence in read.warnings)


def test_numbers_longer_than_four_bytes_end_a_track():
    read = reading(NOTE + b"\xff\xff\xff\xff\xff\x7f" + NOTE, NOTE + END)
    assert times(read) == [(60, 0, 1), (60, 0, 1)]
    assert any("damaged number" in sentence for sentence in read.warnings)


def test_drums_are_kept_in_a_voice_of_their_own():
    read = reading(b"\x00\x99\x24\x40\x60\x89\x24\x40" + NOTE + END)
    by_pitch = {note.pitch: read.score.track(note.voice).drums for note in read.score.notes}
    assert by_pitch == {36: True, 60: False}
    assert read.warnings == ()


def tempo(micros, delta=b"\x00"):
    return delta + b"\xff\x51\x03" + micros.to_bytes(3, "big")


def test_changing_tempo_is_kept():
    # One beat at 60, then one at 120 a minute: 1.5 seconds for two beats.
    track = tempo(1_000_000) + NOTE + tempo(500_000) + NOTE + END
    read = reading(track)
    assert (read.score.tempo_bpm, read.score.tempos) == (60, ((1, 120),))
    assert read.score.end_seconds == pytest.approx(1.5)
    assert read.warnings == ()


@pytest.mark.parametrize(
    ("micros", "bpm"), [(0, 120.0), (1, 6000.0), (0xFFFFFF, pytest.approx(3.6, abs=0.1))]
)
def test_impossible_tempos_are_brought_inside(micros, bpm):
    assert reading(tempo(micros) + NOTE + END).score.tempo_bpm == bpm


@pytest.mark.parametrize("division", [0, 0xE728, 0xE250, 0x8000, 0xFFFF])
def test_zero_and_smpte_resolutions_are_read(division):
    read = reading(NOTE + END, division=division)
    assert len(read.score.notes) == 1
    assert read.warnings


def test_smpte_times_are_seconds():
    # 25 frames of 40 ticks: 480 ticks are 0.48 s.
    read = reading(NOTE + END, division=0xE728)
    assert read.score.end_seconds == pytest.approx(0.48)


def test_separate_pieces_follow_one_another():
    read = reading(NOTE + END, NOTE + END, form=2)
    assert times(read) == [(60, 0, 1), (60, 1, 1)]


def test_more_than_a_day_is_refused():
    far = b"\xff\xff\xff\x7f\x90\x3c\x40\x60\x80\x3c\x40" + END
    with pytest.raises(MusicError, match="24"):
        reading(far, division=1)


def test_impossible_metres_and_keys_are_left_out():
    meta = b"\x00\xff\x58\x04\x00\x02\x18\x08\x00\xff\x58\x04\x03\xff\x18\x08"
    read = reading(meta + b"\x00\xff\x59\x02\x55\x00" + NOTE + END)
    assert (read.score.meter, read.score.key) == ((4, 4), "none")


def test_many_empty_tracks_are_read():
    data = midi_file() + chunk(b"MTrk", END) * 65_535
    assert open_midi(data).score.notes == ()


@pytest.mark.timeout(20)
def test_many_notes_held_at_once_are_released_in_linear_time():
    track = b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * 30_000 + b"\x00\x3c\x00" * 30_000
    assert len(open_midi(midi_file(track)).score.notes) == 30_001


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"MThd", b"MThd\0\0\0\x06\0\0", b"RIFF", b"PK\x03\x04" * 100, b"\xf0\x7e\xf7"],
)
def test_what_is_no_midi_is_refused_with_a_reason(data):
    with pytest.raises(MusicError) as caught:
        open_midi(data)
    assert caught.value.what
    assert caught.value.why


def test_a_header_inside_a_riff_file_is_found():
    data = midi_file(NOTE + END)
    assert times(open_midi(b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + data)) == [(60, 0, 1)]


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(MusicError, match="no file"):
        read_midi(tmp_path / "gone.mid")


def check_damaged(data):
    try:
        read = open_midi(data)
    except MusicError:
        return
    assert read.score.end_seconds <= 24 * 3600 + 1
    assert read.score.end_beats >= 0


WHOLE = midi_file(
    b"\x00\xff\x03\x04Name" + tempo(400_000) + b"\x00\xff\x58\x04\x06\x03\x18\x08" + NOTE + END,
    (NOTE + b"\x00\xc0\x05\x00\xb0\x07\x40") * 5 + b"\x00\xf0\x03\x01\x02\xf7" + NOTE + END,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 3), st.binary(max_size=4))))
def test_damaged_files_are_read_or_refused(edits):
    data = WHOLE
    for place, removed, inserted in edits:
        at = min(place, len(data))
        data = data[:at] + inserted + data[at + removed :]
    check_damaged(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    check_damaged(data)
    check_damaged(midi_file(data))
