"""MusicXML holds the notes, the metre and the instruments of a score, and only valid values."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest

from seqstudio.music.abc import read_tune
from seqstudio.music.musicxml import musicxml_bytes, write_musicxml
from seqstudio.music.score import Note, Score, Track

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_GRIDS = ([1, 2, 4], [1, 2, 4, 8], [1, 2, 4, 3, 6], [1, 2, 3, 12], [2, 5], [32, 1], [7, 1])
_VALUES = {
    "breve": Fraction(8), "whole": Fraction(4), "half": Fraction(2), "quarter": Fraction(1),
    "eighth": Fraction(1, 2), "16th": Fraction(1, 4), "32nd": Fraction(1, 8),
    **{f"{4 * n}th": Fraction(1, n) for n in (16, 32, 64, 128, 256)},
}  # fmt: skip


def random_score(seed: int) -> Score:
    """A score of up to four voices that overlap within themselves, with every kind of trouble."""
    draw = random.Random(seed)
    meter = draw.choice([(4, 4), (3, 4), (6, 8), (2, 2), (9, 8), (5, 8), (7, 8), (2, 4), None])
    key = draw.choice(
        ["C major", "D major", "F# minor", "Eb major", "A dorian", "none", "Gb major"]
    )
    notes, grid = [], draw.choice(_GRIDS)
    for voice in range(draw.randint(1, 4)):
        at = Fraction(0)
        for _ in range(draw.randint(1, 25)):
            at += draw.choice([0, 0, 1]) * Fraction(draw.randint(0, 5), draw.choice(grid))
            length = Fraction(draw.randint(1, 9), draw.choice(grid))
            notes.append(Note(draw.randint(30, 96), at, length, draw.randint(1, 127), voice))
            at += draw.choice([length, length, length, Fraction(0), length / 2])
            if at.denominator > 32:  # halves of halves leave what notes can say
                at = Fraction(round(at * 4), 4)
    bar = Fraction(4 * meter[0], meter[1]) if meter else Fraction(4)
    end = max(note.end for note in notes)
    upbeat = draw.choice([Fraction(0), Fraction(1, 2)])
    starts = [Fraction(0)] if upbeat else []
    starts += [upbeat + bar * order for order in range(int((end - upbeat) / bar) + 1)]
    voices = {note.voice for note in notes}
    tracks = tuple(Track(v, f"Part {v}", draw.randint(0, 127), v == 3) for v in sorted(voices))
    tempos = ((Fraction(2), 90.0), (Fraction(7, 2), 140.5)) if draw.random() < 0.3 else ()
    return Score(tuple(notes), 120.0, meter, key, f"<Tune> & {seed}", tuple(starts), end, tempos,
                 tracks)  # fmt: skip


def kept(note: Note) -> Note:
    """The note as it can be written, see `notate`."""
    from seqstudio.music.engraving.notation import tidy

    start = tidy(note.start)
    length = max(tidy(note.end) - start, Fraction(1, 24))
    return Note(note.pitch, start, length, note.velocity, note.voice)


def read_back(data: bytes) -> Counter[tuple[int, int, Fraction, Fraction, int]]:
    """Return (part, pitch, start, length, velocity) of every note, ties joined."""
    root = ET.fromstring(data)
    drums = {
        each.get("id"): int(each.findtext("midi-unpitched", "0")) - 1
        for each in root.iter("midi-instrument")
    }
    found: Counter[tuple[int, int, Fraction, Fraction, int]] = Counter()
    for number, part in enumerate(root.findall("part")):
        for note in _part_notes(part, drums):
            found[(number, *note)] += 1
    return found


def _part_notes(part: ET.Element, drums: dict[str | None, int]):
    divisions = int(part.findtext("measure/attributes/divisions", "1"))
    at, held = Fraction(0), {}
    for measure in part.findall("measure"):
        start = furthest = at
        before = at
        for element in measure:
            ticks = Fraction(int(element.findtext("duration", "0")), divisions)
            if element.tag == "backup":
                at -= ticks
            elif element.tag == "forward":
                at += ticks
            elif element.tag == "note":
                _check_value(element, ticks)
                begin = before if element.find("chord") is not None else at
                if element.find("chord") is None:
                    before, at = at, at + ticks
                if element.find("rest") is None:
                    yield from _sounding(element, begin, ticks, held, drums)
            furthest = max(furthest, at)
        assert at >= start
        at = furthest
    assert not held


def _sounding(element, begin, ticks, held, drums):
    pitch = _pitch(element, drums)
    velocity = round(float(element.get("dynamics")) * 0.9)
    ties = {tie.get("type") for tie in element.findall("tie")}
    key = (element.findtext("voice"), pitch, velocity)
    if "stop" in ties:
        first, _ = (
            held[key].pop(0) if begin == held[key][0][1] else pytest.fail("a tie to nowhere")
        )
        begin, ticks = first, begin + ticks - first
        if not held[key]:
            del held[key]
    if "start" in ties:
        held.setdefault(key, []).append((begin, begin + ticks))
    else:
        yield pitch, begin, ticks, velocity


def _pitch(element: ET.Element, drums: dict[str | None, int]) -> int:
    pitch = element.find("pitch")
    if pitch is None:
        return drums[element.find("instrument").get("id")]
    step, alter = pitch.findtext("step"), int(pitch.findtext("alter", "0"))
    return 12 * (int(pitch.findtext("octave")) + 1) + _SEMITONES[step] + alter


def _check_value(element: ET.Element, ticks: Fraction) -> None:
    """The printed value, with dots and tuplet, is the duration."""
    kind = element.findtext("type")
    if kind is None:
        return
    dots = len(element.findall("dot"))
    value = _VALUES[kind] * (2 - Fraction(1, 2**dots))
    change = element.find("time-modification")
    if change is not None:
        value *= Fraction(
            int(change.findtext("normal-notes")), int(change.findtext("actual-notes"))
        )
    assert value == ticks


def _check(seeds: range) -> None:
    for seed in seeds:
        score = random_score(seed)
        voices = {voice: order for order, voice in enumerate(score.voices)}
        wanted = Counter(
            (voices[note.voice], note.pitch, note.start, note.length, note.velocity)
            for note in map(kept, score.notes)
        )
        assert read_back(musicxml_bytes(score)) == wanted, seed


def test_random_scores_come_back_note_by_note() -> None:
    _check(range(15))


@pytest.mark.long
def test_a_thousand_random_scores_come_back_note_by_note() -> None:
    _check(range(1000))


def test_bars_fill_the_metre_and_tell_it() -> None:
    tune = read_tune("X:1\nT:Up\nM:3/4\nL:1/4\nK:Bb\nF|BAG|F3|G2|]\n")
    root = ET.fromstring(musicxml_bytes(tune.score))
    measures = root.findall("part/measure")
    times = [
        (m.get("number"), t.findtext("beats"), t.findtext("beat-type"), t.get("print-object"))
        for m in measures
        for t in m.findall("attributes/time")
    ]
    assert times == [("1", "1", "4", "no"), ("2", "3", "4", None), ("4", "2", "4", "no")]
    assert root.findtext("part/measure/attributes/key/fifths") == "-2"
    assert root.findtext("work/work-title") == "Up"
    assert root.findtext("part/measure/attributes/clef/sign") == "G"


def test_instruments_and_tempo_are_told() -> None:
    score = Score(
        (Note(40, Fraction(0), Fraction(1)), Note(36, Fraction(0), Fraction(1), voice=1)),
        tempo_bpm=100.0,
        tempos=((Fraction(1, 2), 50.0),),
        tracks=(Track(0, "Bass", 32), Track(1, "Kit", 0, drums=True)),
    )
    root = ET.fromstring(musicxml_bytes(score))
    assert [e.text for e in root.iter("part-name")] == ["Bass", "Kit"]
    assert [e.text for e in root.iter("midi-program")] == ["33", "1"]
    assert [e.text for e in root.iter("midi-channel")] == ["1", "10"]
    assert [e.get("tempo") for e in root.iter("sound")] == ["100", "50"]
    assert [e.text for e in root.iter("sign")] == ["F", "percussion"]
    divisions = int(root.findtext("part/measure/attributes/divisions"))
    assert int(root.findtext("part/measure/direction/offset")) * 2 == divisions


def test_beams_begin_go_on_and_end() -> None:
    tune = read_tune("X:1\nM:2/4\nL:1/16\nK:C\nC2DE F2z2|\n")
    root = ET.fromstring(musicxml_bytes(tune.score))
    beams = [[b.text for b in note.findall("beam")] for note in root.iter("note")]
    assert beams == [["begin"], ["continue", "begin"], ["end", "end"], [], []]


def test_a_title_cannot_break_the_file(tmp_path) -> None:
    score = Score((Note(60, Fraction(0), Fraction(1)),), title='a</work-title><x>&\x00\x0b"')
    write_musicxml(score, tmp_path / "t.musicxml")
    root = ET.fromstring((tmp_path / "t.musicxml").read_bytes())
    assert root.findtext("work/work-title") == 'a</work-title><x>&"'


def test_an_empty_score_is_a_file_all_the_same() -> None:
    assert ET.fromstring(musicxml_bytes(Score())).tag == "score-partwise"
