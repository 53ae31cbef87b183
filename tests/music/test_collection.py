"""Collections: what is read from books, folders, MIDI files and lists of time steps."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.collection import (
    Collector,
    Limits,
    Refused,
    Repeated,
    collect,
    fingerprint,
    kind_of,
)
from seqstudio.music.grids import parse_grid
from seqstudio.music.midi import midi_bytes
from seqstudio.music.score import Note, Score, Track

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
needs_chorales = pytest.mark.skipif(
    not (DATA / "jsb_chorales").exists(), reason="the chorales are not here"
)
needs_midi = pytest.mark.skipif(
    not (DATA / "midi_conformance_jazzsoft").exists(), reason="the MIDI files are not here"
)


def tune(title, music="CDEF|GABc|", key="C"):
    return f"X:1\nT:{title}\nM:4/4\nL:1/4\nK:{key}\n{music}\n\n"


def score(*pitches, title=""):
    notes = tuple(Note(p, Fraction(at), Fraction(1)) for at, p in enumerate(pitches))
    return Score(notes, title=title)


def names(collection):
    return [piece.name for piece in collection.scores]


def test_a_mixed_folder_is_read_in_the_order_of_its_names(tmp_path):
    (tmp_path / "tune 10.abc").write_text(tune("Ten", "c4|"))
    (tmp_path / "tune 2.txt").write_text(tune("Two", "d4|") + tune("", "e4|"))
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    (inside / "song.mid").write_bytes(midi_bytes(score(60, 62)))
    (inside / "named.midi").write_bytes(midi_bytes(score(60, 64, title="A name")))
    (tmp_path / "grid.json").write_text(json.dumps([[[60], [60, 64], [67]]]))
    (tmp_path / "read me.txt").write_text("Tunes of the village.")
    (tmp_path / ".hidden").write_text(tune("Hidden"))
    (tmp_path / "music.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    (tmp_path / "empty.abc").write_text("")
    found = collect(tmp_path)
    assert [(piece.name, piece.origin) for piece in found.scores] == [
        ("A name", "deep/er/named.midi"),
        ("song", "deep/er/song.mid"),
        ("grid 1", "grid.json"),
        ("Two", "tune 2.txt"),
        ("tune 2, tune 2", "tune 2.txt"),
        ("Ten", "tune 10.abc"),
    ]
    assert {refused.name for refused in found.refused} == {
        "read me.txt",
        "music.zip",
        "empty.abc",
    }
    assert all(refused.reason for refused in found.refused)
    assert found.complete
    assert found.summary() == "6 pieces from 5 files; 3 refused"


def test_a_book_keeps_the_text_of_its_tunes_and_names_the_broken_ones(tmp_path):
    book = tmp_path / "book.abc"
    book.write_text(tune("First") + "X:2\nT:No key\nCDE|\n\n" + tune("Third", "c2|"))
    found = collect(book)
    assert names(found) == ["First", "Third"]
    assert found.scores[0].text == tune("First")
    assert found.refused == (
        Refused("book.abc", "tune 2, “No key”: it has no key: a line K: with a key is missing"),
    )


def test_a_book_in_latin_1_is_read_with_a_warning(tmp_path):
    book = tmp_path / "book.abc"
    book.write_bytes(tune("Żółw").replace("Ż", "Z").encode("latin-1", "replace") + b"%\xe9\n")
    found = collect(book)
    assert names(found) == ["Zó?w"]
    assert "Latin-1" in found.warnings[0]


def test_the_same_music_under_another_title_is_left_out_and_named(tmp_path):
    book = tmp_path / "book.abc"
    book.write_text(tune("One") + tune("Two", "CDEF GABc|") + tune("Higher", key="C octave=1"))
    found = collect(book)
    assert names(found) == ["One", "Higher"]
    assert found.repeated == (Repeated("Two", "One"),)
    assert found.scores[0].music == found.scores[1].music


def test_fingerprints_hear_notes_and_nothing_else():
    plain = score(60, 62)
    later = Score(tuple(Note(n.pitch, n.start + 3, n.length, 9, 5) for n in plain.notes), 33.0)
    assert fingerprint(plain) == fingerprint(later)
    off_beat = tuple(Note(n.pitch, n.start + Fraction(1, 7), n.length) for n in plain.notes)
    assert fingerprint(plain) == fingerprint(Score(off_beat))
    slow = tuple(Note(n.pitch, n.start * 2, n.length * 2) for n in plain.notes)
    assert fingerprint(plain) != fingerprint(Score(slow))
    assert fingerprint(plain) != fingerprint(score(61, 63))
    assert fingerprint(plain, any_key=True) == fingerprint(score(61, 63), any_key=True)
    assert fingerprint(plain, any_key=True) != fingerprint(score(60, 63), any_key=True)
    drums = Score(plain.notes, tracks=(Track(0, drums=True),))
    assert fingerprint(drums, any_key=True) != fingerprint(plain, any_key=True)


def test_links_do_not_lead_out_of_the_folder_or_round_in_it(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.abc").write_text(tune("Secret"))
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    (chosen / "tune.abc").write_text(tune("Tune"))
    (chosen / "away").symlink_to(outside)
    (chosen / "file.abc").symlink_to(outside / "secret.abc")
    (chosen / "round").symlink_to(chosen)
    found = collect(chosen)
    assert names(found) == ["Tune"]
    assert {refused.name for refused in found.refused} == {"away", "file.abc", "round"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_what_is_no_ordinary_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.abc")
    assert collect(tmp_path).refused == (Refused("pipe.abc", "it is no ordinary file"),)
    assert collect(tmp_path / "pipe.abc").refused[0].reason == "it is no ordinary file"


def test_a_place_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(MusicError, match="cannot be read"):
        collect(tmp_path / "gone")


@pytest.mark.parametrize(
    ("limits", "kept", "said"),
    [
        (Limits(files=2), 2, "2 files"),
        (Limits(scores=1), 1, "1 pieces"),
        (Limits(notes=5), 2, "5 notes"),
        (Limits(total_bytes=1), 1, "MB"),
        (Limits(depth=0), 1, ""),
        (Limits(file_bytes=10), 0, ""),
    ],
)
def test_limits_end_the_reading_and_say_so(tmp_path, limits, kept, said):
    for number in range(3):
        folder = tmp_path / ("deep" * number or ".")
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.abc").write_text(
            tune(f"Tune {number}", "CDE"[number:] + "EFG"[number])
        )
    found = collect(tmp_path, limits=limits)
    assert len(found.scores) == kept
    assert found.complete == (not said)
    assert (said in found.warnings[-1]) if said else len(found.refused) >= 1


def test_progress_is_told_and_reading_can_be_left(tmp_path):
    (tmp_path / "book.abc").write_text("".join(tune(f"T{n}", f"C{n + 1}|") for n in range(120)))
    collector = Collector(tmp_path)
    for progress in collector.steps():
        assert (progress.files, progress.name) == (1, "book.abc")
        if progress.scores >= 50:
            break
    found = collector.result()
    assert (len(found.scores), found.complete) == (50, False)
    whole = Collector(tmp_path)
    assert [step.done for step in whole.steps()] == [0, 0, 1]
    assert (len(whole.result().scores), whole.result().complete) == (120, True)


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"MThd\0\0", "x.bin", "midi"),
        (b"RIFF....RMIDMThd", "x", "midi"),
        (b"", "x.MID", "midi"),
        (b'\xef\xbb\xbf {"train": []}', "x", "grid"),
        (b"T:t\rK:G\rGAB", "x", "abc"),
        (b"X:1", "x", "abc"),
        (b"Hello X:1", "x.abc", ""),
        (b"X:1\0", "x.abc", ""),
    ],
)
def test_the_content_decides_the_kind(data, name, kind):
    assert kind_of(data, name) == kind


# Lists of time steps


def held(piece):
    return [(n.pitch, n.start, n.length, n.voice) for n in piece.notes]


def test_separate_voices_hold_repeated_pitches():
    grid = parse_grid(json.dumps([[[72, 60], [72, 60], [72, -1], [74, None]] * 2]).encode())
    (piece,) = grid.scores()
    assert (grid.voices, grid.step_beats) == (2, Fraction(1, 2))
    assert held(piece.score)[:2] == [(60, 0, 1, 1), (72, 0, Fraction(3, 2), 0)]
    assert piece.score.end_beats == 4


def test_lists_of_what_sounds_are_one_voice():
    grid = parse_grid(b'{"train": [[[60, 64], [60], [], [60]]], "valid": [[[70]]]}')
    first, second = grid.scores()
    assert grid.voices == 0
    assert held(first.score) == [(60, 0, 2, 0), (64, 0, 1, 0), (60, 3, 1, 0)]
    assert (first.part, second.part, second.number) == ("train", "valid", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"{}",
        b"[]",
        b"[[[]]]",
        b"[1, 2, 3]",
        b"[[1, 2], 3]",
        b'[[["C4"]]]',
        b"[[[true]]]",
        b"[[[128]]]",
        b"[[[-2]]]",
        b"[[[60.5]]]",
        b"[[[1e999]]]",
        b"[[[" + b"9" * 5_000 + b"]]]",
        b"[[[-1, -1]]]",
        b"[[[NaN]]]",
        b'{"nodes": [{"kind": "lstm"}], "version": 3}',
        b'"text"',
        b"\xff\xfe[",
    ],
)
def test_other_json_is_refused_with_a_reason(data):
    with pytest.raises(MusicError) as caught:
        parse_grid(data)
    assert caught.value.why


@needs_chorales
def test_both_forms_of_the_chorales_are_read_and_give_their_steps_back():
    raw = json.loads((DATA / "jsb_chorales/Jsb16thSeparated.json").read_text())
    grid = parse_grid((DATA / "jsb_chorales/Jsb16thSeparated.json").read_bytes())
    assert (grid.voices, grid.step_beats) == (4, Fraction(1, 4))
    first = next(grid.scores())
    assert [track.name for track in first.score.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    steps = [[-1] * 4 for _ in raw["train"][0]]
    for n in first.score.notes:
        for step in range(int(n.start * 4), int(n.end * 4)):
            steps[step][n.voice] = n.pitch
    assert steps == raw["train"][0]
    quarters = parse_grid((DATA / "jsb_chorales/jsb-chorales-quarter.json").read_bytes())
    assert (quarters.voices, quarters.step_beats) == (0, Fraction(1))
    assert [len(pieces) for _part, pieces in quarters.pieces] == [229, 76]


@needs_midi
def test_the_conformance_set_is_read_and_every_refusal_has_its_reason():
    found = collect(DATA / "midi_conformance_jazzsoft")
    reasons = {refused.name: refused.reason for refused in found.refused}
    assert len([name for name in reasons if name.endswith(".midi2")]) == 9
    assert "empty" in reasons["midi/test-empty-file.mid"]
    assert "system-exclusive" in reasons["midi/test-syx-7e-06-01-id-request.syx"]
    silent = [name for name, reason in reasons.items() if reason == "it has no notes"]
    assert len(found.scores) + len(found.repeated) + len(silent) == 35
