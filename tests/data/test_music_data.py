"""Music as tokens to learn: sources, division, other keys and tempos, and what is then seen."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import floor
from seqstudio.data.music import numbers_in
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.chorales import PiecesTask
from seqstudio.data.transposing import KEYS, moved_score, moved_token
from seqstudio.document.settings import DataSettings
from seqstudio.music.abc import read_tune
from seqstudio.music.codings import CODINGS
from seqstudio.music.codings.words import TEMPOS_BPM
from seqstudio.music.midi import write_midi
from seqstudio.music.score import Note, Score, Track

JSB = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "jsb_chorales"
QUARTERS = JSB / "jsb-chorales-quarter.json"
TOKENS = ("abc-tokens", "events", "voices")


def tune(number: int, key: str = "D") -> str:
    """Return a reel of eight bars, different for every number."""
    rng = np.random.default_rng(number)
    bars = ["".join(rng.choice(list("DEFGABcde"), 8)) for _ in range(8)]
    music = "|".join(bars[:4]) + "|\n" + "|".join(bars[4:]) + "|]"
    return f"X:{number}\nT:Tune {number}\nM:4/4\nL:1/8\nK:{key}\n{music}\n"


def book(path: Path, numbers: range = range(20)) -> Path:
    path.write_text("\n".join(tune(number) for number in numbers), "utf-8")
    return path


def opened(kind: str, path: Path | str, transpose: str = "off", **more: object) -> Dataset:
    return open_dataset(DataSettings(kind, str(path), transpose=transpose, **more))  # type: ignore[arg-type]


def parts(dataset: Dataset) -> tuple[str, str]:
    assert dataset.vocabulary is not None
    return dataset.vocabulary.decode(dataset.train), dataset.vocabulary.decode(dataset.valid)


@pytest.mark.parametrize("kind", TOKENS)
def test_a_book_becomes_the_tokens_of_its_coding(kind: str, tmp_path: Path) -> None:
    dataset, coding = opened(kind, book(tmp_path / "a.abc")), CODINGS[kind]
    train, valid = parts(dataset)
    assert dataset.unit == coding.unit
    assert dataset.chance == pytest.approx(math.log(len(dataset.vocabulary or ())))
    pieces = coding.split(train)
    assert (len(pieces), len(coding.split(valid))) == (18, 2)
    assert dataset.notes[0] == "Pieces: 18 to learn, 2 held out"
    for number, piece in enumerate(pieces):
        found, wanted = coding.read(piece.text), read_tune(tune(number))
        assert not found.problems
        top = [n.pitch for n in found.score.notes if n.voice == 0]
        assert top == [n.pitch for n in wanted.score.notes]
    assert dataset.vocabulary is not None
    symbols = [dataset.vocabulary.symbols[i] for i in dataset.train]
    assert symbols == coding.tokens(train)
    assert (dataset.vocabulary.encode(train) == dataset.train).all()


def test_units_of_codings_differ() -> None:
    assert len({coding.unit for coding in CODINGS.values()}) == len(CODINGS)


@pytest.mark.parametrize("kind", TOKENS)
def test_training_pieces_come_in_twelve_keys(kind: str, tmp_path: Path) -> None:
    path, coding = book(tmp_path / "a.abc", range(4)), CODINGS[kind]
    train, valid = parts(opened(kind, path, "on"))
    pieces = [coding.read(each.text).score for each in coding.split(train)]
    own = pieces[:3]
    assert len(pieces) == 36
    assert len(coding.split(valid)) == 1
    for turn, shift in enumerate(KEYS):
        for before, after in zip(own, pieces[3 * turn : 3 * turn + 3], strict=True):
            moved = moved_score(before, shift)
            assert [(n.pitch, n.start, n.length) for n in after.notes] == [
                (n.pitch, n.start, n.length) for n in moved.notes
            ]
            assert after.key == moved.key


def test_events_come_at_three_tempos(tmp_path: Path) -> None:
    train, _valid = parts(opened("events", book(tmp_path / "a.abc", range(4)), "on"))
    pieces = [CODINGS["events"].read(each.text) for each in CODINGS["events"].split(train)]
    assert not any(piece.problems for piece in pieces)
    tempos = {piece.score.tempo_bpm for piece in pieces}
    middle = TEMPOS_BPM.index(120)
    assert tempos == set(TEMPOS_BPM[middle - 1 : middle + 2])
    assert {piece.score.tempo_bpm for piece in pieces[:3]} == {120}


def test_tokens_move_by_semitones() -> None:
    assert [moved_token(token, 3) for token in ("p60 ", "p126 ", "kG-major ", "d3 ", "C4 ")] == [
        "p63 ", "p117 ", "kBb-major ", "d3 ", "Eb4 ",
    ]  # fmt: skip
    assert [moved_token(token, -5) for token in ("p2 ", "| ", "- ", ". ", "kA-dorian ")] == [
        "p9 ", "| ", "- ", ". ", "kE-dorian ",
    ]  # fmt: skip


def test_the_same_music_is_never_in_both_parts(tmp_path: Path) -> None:
    text = "\n".join(tune(n % 10, "D" if n < 10 else "G") for n in range(20))
    (tmp_path / "a.abc").write_text(text.replace("K:G", "K:D"), "utf-8")
    dataset = opened("events", tmp_path / "a.abc")
    assert dataset.notes[0] == "Pieces: 9 to learn, 1 held out"
    assert "10 pieces skipped: same music as an earlier one" in dataset.notes


def test_drums_stay_when_the_rest_is_moved(tmp_path: Path) -> None:
    for number in range(12):
        rng = np.random.default_rng(number)
        notes = [
            Note(int(p), Fraction(i), Fraction(1)) for i, p in enumerate(rng.integers(50, 70, 16))
        ]
        drums = [Note(38, Fraction(i), Fraction(1), voice=1) for i in range(16)]
        score = Score((*notes, *drums), meter=(4, 4), tracks=(Track(1, drums=True),))
        write_midi(score, tmp_path / f"{number}.mid")
    train, _valid = parts(opened("events", tmp_path, "on"))
    for each in CODINGS["events"].split(train):
        score = CODINGS["events"].read(each.text).score
        drums = [n.pitch for n in score.notes if score.track(n.voice).drums]
        assert drums == [38] * 16


def test_a_folder_tells_what_it_refused(tmp_path: Path) -> None:
    book(tmp_path / "a.abc", range(24))
    (tmp_path / "bad.mid").write_bytes(b"MThd nothing")
    (tmp_path / "x.bin").write_bytes(b"\0\1\2")
    for kind in ("abc", *TOKENS, "frames"):
        dataset = opened(kind, tmp_path, length=16)
        told = " ".join(dataset.notes)
        assert "2 refused" in told
        assert "bad.mid" in told
    with pytest.raises(DataError, match="too few"):
        opened("events", tmp_path / "x.bin")
    with pytest.raises(DataError):
        opened("voices", tmp_path / "absent")


def test_strange_tokens_of_held_out_pieces_are_counted(tmp_path: Path) -> None:
    text = "\n".join(tune(n) for n in range(19)) + "\nX:99\nM:4/4\nL:1/8\nK:D\nC,,8|c'8|f'4f'4|]\n"
    (tmp_path / "a.abc").write_text(text, "utf-8")
    dataset = opened("abc-tokens", tmp_path / "a.abc", held_out=0.03)
    assert any("held-out tokens that training never has" in note for note in dataset.notes)
    assert "C,," not in (dataset.vocabulary.symbols if dataset.vocabulary else ())


def test_other_music_is_read_with_the_numbers_of_a_model(tmp_path: Path) -> None:
    dataset = opened("events", book(tmp_path / "a.abc"))
    assert dataset.vocabulary is not None
    strange = "X:1\nM:4/4\nL:1/8\nK:D\nC,,8|]\n"
    (tmp_path / "b.abc").write_text(strange, "utf-8")
    settings = DataSettings("events", str(tmp_path / "b.abc"))
    ids, unknown = numbers_in(settings, None, dataset.vocabulary)
    assert unknown == ["p37 ", "d48 "]
    assert dataset.vocabulary.decode(ids) == "piece m4/4 kD-major bar pos0 end\n"


def test_the_floor_counts_tokens(tmp_path: Path) -> None:
    dataset = opened("events", book(tmp_path / "a.abc"))
    found = floor(dataset, tmp_path / "floors")
    assert found.unit == "nats per event"
    assert 0 < found.value < dataset.chance


def test_the_shipped_tunes_open_in_every_coding() -> None:
    hashes = set()
    for kind in (*TOKENS, "frames"):
        dataset = open_dataset(DataSettings(kind, transpose="off", length=16))
        hashes.add(dataset.content_hash)
        assert dataset.title.startswith("Traditional tunes")
        assert ("by rule" in dataset.origin) == (kind == "voices")
    assert len(hashes) == 4


# ------------------------------------------------------------------------------- whole pieces


def chorales(path: Path) -> Path:
    """Write three chorales to learn and two held out, of different lengths, as time steps."""
    rng = np.random.default_rng(1)
    part = {
        name: [
            [sorted(int(p) for p in rng.choice(np.arange(40, 80), 4, replace=False))
             for _ in range(steps)]
            for steps in lengths
        ]
        for name, lengths in (("train", (20, 33, 27)), ("valid", (12, 31)), ("test", (9,)))
    }  # fmt: skip
    path.write_text(json.dumps(part), "utf-8")
    return path


def test_chorales_keep_their_division_and_are_measured_whole(tmp_path: Path) -> None:
    dataset = opened("frames", chorales(tmp_path / "c.json"), "on", length=10)
    assert isinstance(dataset.held_out_task, PiecesTask)
    batches = list(dataset.held_out(1))
    assert [int(batch.lengths[0]) for batch in batches] == [11, 30]
    content = json.loads((tmp_path / "c.json").read_text("utf-8"))["valid"][0]
    first = batches[0]
    for step in range(11):
        assert (np.flatnonzero(first.inputs[0, step]) + 21).tolist() == content[step]
        assert (np.flatnonzero(first.targets[0, step]) + 21).tolist() == content[step + 1]
    assert np.isnan(first.targets[0, 11:]).all()
    assert not first.inputs[0, 11:].any()
    assert dataset.unit == "nats per quarter, over all keys"


def test_drawn_pieces_stay_within_a_piece_and_move(tmp_path: Path) -> None:
    dataset = opened("frames", chorales(tmp_path / "c.json"), "on", length=25)
    assert isinstance(dataset.task, PiecesTask)
    content = json.loads((tmp_path / "c.json").read_text("utf-8"))["train"]
    batch = dataset.batch(np.random.default_rng(0), 200)
    seen = set()
    for row in range(200):
        steps = int(batch.lengths[row])
        frames = [*batch.inputs[row, :steps], batch.targets[row, steps - 1]]
        pitches = [(np.flatnonzero(frame) + 21).tolist() for frame in frames]
        matches = [
            (piece, start, shift)
            for piece, whole in enumerate(content)
            for start in range(len(whole) - steps)
            for shift in KEYS
            if [p + shift for p in whole[start]] == pitches[0]
            and all(
                [p + shift for p in a] == b
                for a, b in zip(whole[start : start + steps + 1], pitches, strict=True)
            )
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert {piece for piece, _start, _shift in seen} == {0, 1, 2}
    assert {shift for _piece, _start, shift in seen} == set(KEYS)


def test_the_loss_does_not_depend_on_batches(tmp_path: Path) -> None:
    dataset = opened("frames", chorales(tmp_path / "c.json"), length=10)
    values = [floor_of(dataset, rows) for rows in (1, 2, 50)]
    assert values == pytest.approx([values[0]] * 3)


def floor_of(dataset: Dataset, rows: int) -> float:
    assert dataset.held_out_task is not None
    return dataset.held_out_task.floor(dataset.held_out(rows))[1]


@pytest.mark.skipif(not QUARTERS.is_file(), reason="the chorales are not on this computer")
def test_the_chorales_of_the_published_figures() -> None:
    dataset = opened("frames", QUARTERS, "auto", length=64)
    assert dataset.notes[0] == "Pieces: 229 to learn, 76 held out, whole"
    assert sum(int(b.lengths.sum()) for b in dataset.held_out()) == 4_602 - 76
    assert floor(dataset).value == pytest.approx(10.13, abs=0.03)
