"""Scores as MusicXML 4.0, the format that programs for printing music exchange.

Only writing: the format is described at https://www.w3.org/2021/06/musicxml40/. What is written is
what `engraving.notate` writes down: note values, dots, ties, tuplets, beams, accidentals.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from seqstudio.core.files import write_atomic
from seqstudio.music.engraving.notation import Bar, Event, Head, Notation, Staff, notate
from seqstudio.music.keys import LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seqstudio.music.engraving.rhythm import Piece
    from seqstudio.music.keys import Key
    from seqstudio.music.score import Note, Score

_DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_TYPES = {
    Fraction(8): "breve",
    Fraction(4): "whole",
    Fraction(2): "half",
    Fraction(1): "quarter",
    Fraction(1, 2): "eighth",
    **{Fraction(4, 2**power): f"{2**power}th" for power in range(4, 11) if power != 5},
    Fraction(1, 8): "32nd",
}
_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_FORTE = 90.0  # the velocity that `dynamics` counts in hundredths of
_DRUMS = 10
#: Step and octave on a percussion staff of the General MIDI drums that are written apart.
_DRUM_PLACES = {
    35: "F4", 36: "F4", 38: "C5", 40: "C5", 37: "C5", 39: "C5", 41: "G4", 43: "A4", 45: "B4",
    47: "D5", 48: "E5", 50: "E5", 42: "G5", 44: "D4", 46: "G5", 49: "A5", 51: "F5", 57: "A5",
}  # fmt: skip
_CYMBALS = frozenset({42, 44, 46, 49, 51, 52, 53, 55, 57, 59})


def write_musicxml(score: Score, path: Path) -> None:
    """Write a score as a MusicXML file.

    Raises:
        StorageError: The file cannot be written; an old one stays.
    """
    write_atomic(path, musicxml_bytes(score))


def musicxml_bytes(score: Score) -> bytes:
    """Return a score as a partwise MusicXML 4.0 document, every voice a part of its own.

    Drums are unpitched notes. Bars of another length than the metre's have a time signature of
    their own that is not printed. Times are rounded as `notate` does it.
    """
    notation = notate(score)
    root = ET.Element("score-partwise", version="4.0")
    _add(_add(root, "work"), "work-title", score.title or "Untitled")
    encoding = _add(_add(root, "identification"), "encoding")
    _add(encoding, "software", "SeqStudio")
    parts = _add(root, "part-list")
    divisions = _divisions(notation)
    for order, staff in enumerate(notation.staves):
        _add_score_part(parts, notation, staff, order)
    for order, staff in enumerate(notation.staves):
        part = _add(root, "part", id=f"P{order + 1}")
        _Part(notation, staff, order, divisions).add_to(part)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8")
    return _DOCTYPE.encode() + body + b"\n"


def _add(parent: ET.Element, tag: str, text: object = "", **attributes: str) -> ET.Element:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    element = ET.SubElement(parent, tag, named)
    if text != "":
        element.text = "".join(c for c in str(text) if c.isprintable())
    return element


def _divisions(notation: Notation) -> int:
    """Return how many parts of a quarter note every duration is a whole number of."""
    lengths = [bar.length for bar in notation.bars]
    tempos = [beat for beat, _bpm in notation.score.tempos if beat.denominator <= 960]
    for bar in notation.bars:
        lengths += [e.piece.length for staff in bar.staves for layer in staff for e in layer]
    return lcm(1, *(length.denominator for length in [*lengths, *tempos]))


def _add_score_part(parts: ET.Element, notation: Notation, staff: Staff, order: int) -> None:
    track, name = staff.track, f"P{order + 1}"
    part = _add(parts, "score-part", id=name)
    _add(part, "part-name", track.name or f"Voice {order + 1}")
    drums = _drums_of(notation.score, staff) if track.drums else [None]
    for drum in drums:
        instrument = _add(part, "score-instrument", id=_instrument(name, drum))
        words = track.name or f"Voice {order + 1}"
        _add(instrument, "instrument-name", words if drum is None else f"{words} {drum}")
    channels = [channel for channel in range(1, 17) if channel != _DRUMS]
    for drum in drums:
        midi = _add(part, "midi-instrument", id=_instrument(name, drum))
        _add(midi, "midi-channel", channels[order % 15] if drum is None else _DRUMS)
        _add(midi, "midi-program", track.program + 1)
        if drum is not None:
            _add(midi, "midi-unpitched", drum + 1)


def _drums_of(score: Score, staff: Staff) -> list[int | None]:
    pitches = sorted({note.pitch for note in score.notes if note.voice in staff.voices})
    return [*pitches] or [None]


def _instrument(part: str, drum: int | None) -> str:
    return f"{part}-I1" if drum is None else f"{part}-D{drum}"


class _Part:
    """One staff on its way into a part."""

    def __init__(self, notation: Notation, staff: Staff, order: int, divisions: int) -> None:
        self._notation = notation
        self._staff = staff
        self._order = order
        self._divisions = divisions
        self._in_force = Fraction(0)

    def add_to(self, part: ET.Element) -> None:
        for number, bar in enumerate(self._notation.bars, start=1):
            measure = _add(part, "measure", number=f"{number}")
            self._add_attributes(measure, bar, first=number == 1)
            if self._order == 0:
                self._add_tempos(measure, bar, first=number == 1)
            self._add_layers(measure, bar.staves[self._order], bar)
        if not self._notation.bars:
            self._add_attributes(_add(part, "measure", number="1"), None, first=True)

    def _ticks(self, beats: Fraction) -> int:
        return round(beats * self._divisions)

    def _add_attributes(self, measure: ET.Element, bar: Bar | None, *, first: bool) -> None:
        length = bar.length if bar else self._notation.metre.length
        time = None if length == self._in_force else _time_of(length, self._notation)
        if not (first or time):
            return
        self._in_force = length
        attributes = _add(measure, "attributes")
        if first:
            _add(attributes, "divisions", self._divisions)
            _add_key(attributes, self._notation.key, drums=self._staff.track.drums)
        if time:
            shown = time == self._notation.score.meter
            hidden = {} if shown else {"print_object": "no"}
            element = _add(attributes, "time", **hidden)
            _add(element, "beats", time[0])
            _add(element, "beat-type", time[1])
        if first:
            self._add_clef(attributes)

    def _add_clef(self, attributes: ET.Element) -> None:
        element, clef = _add(attributes, "clef"), self._staff.clef
        if self._staff.track.drums:
            _add(element, "sign", "percussion")
            return
        _add(element, "sign", clef.sign)
        _add(element, "line", clef.line)
        if clef.octave:
            _add(element, "clef-octave-change", clef.octave)

    def _add_tempos(self, measure: ET.Element, bar: Bar, *, first: bool) -> None:
        score = self._notation.score
        tempos = [(Fraction(0), score.tempo_bpm)] if first else []
        tempos += [(b, t) for b, t in score.tempos if bar.start <= b < bar.start + bar.length]
        for beat, bpm in tempos:
            direction = _add(measure, "direction", placement="above")
            mark = _add(_add(direction, "direction-type"), "metronome")
            _add(mark, "beat-unit", "quarter")
            _add(mark, "per-minute", f"{bpm:.6g}")
            if beat > bar.start:
                _add(direction, "offset", self._ticks(beat - bar.start), sound="yes")
            _add(direction, "sound", tempo=f"{bpm:.6g}")

    def _add_layers(
        self, measure: ET.Element, layers: Sequence[Sequence[Event]], bar: Bar
    ) -> None:
        for depth, layer in enumerate(layers):
            if depth and not any(event.heads for event in layer):
                continue
            if depth:
                back = _add(measure, "backup")
                _add(back, "duration", self._ticks(bar.length))
            for order, event in enumerate(layer):
                self._add_event(measure, event, depth, _beams(layer, order))

    def _add_event(self, measure: ET.Element, event: Event, depth: int, beams: list[str]) -> None:
        if depth and not event.heads and event.piece.actual == 1:
            element = _add(measure, "forward")
            _add(element, "duration", self._ticks(event.piece.length))
            return
        if not event.heads:
            self._add_rest(measure, event.piece, depth)
        for order, head in enumerate(event.heads):
            note = self._notation.score.notes[head.note]
            self._add_note(measure, event.piece, head, note, depth, order, beams)

    def _add_rest(self, measure: ET.Element, piece: Piece, depth: int) -> None:
        element = _add(measure, "note", **({"print_object": "no"} if depth else {}))
        _add(element, "rest", **({"measure": "yes"} if piece.whole_bar else {}))
        _add(element, "duration", self._ticks(piece.length))
        _add(element, "voice", depth + 1)
        if not piece.whole_bar:
            _add_value(element, piece)
        _add_notations(element, piece, first=True)

    def _add_note(
        self, measure: ET.Element, piece: Piece, head: Head, note: Note, depth: int,
        order: int, beams: list[str],
    ) -> None:  # fmt: skip
        element = _add(measure, "note", dynamics=f"{100 * note.velocity / _FORTE:.2f}")
        if order:
            _add(element, "chord")
        drums = self._staff.track.drums
        if drums:
            _add_unpitched(element, note.pitch)
        else:
            _add_pitch(element, head)
        _add(element, "duration", self._ticks(piece.length))
        for kind, tied in (("stop", piece.tied_from), ("start", piece.tied_on)):
            if tied:
                _add(element, "tie", type=kind)
        if drums:
            _add(element, "instrument", id=_instrument(f"P{self._order + 1}", note.pitch))
        _add(element, "voice", depth + 1)
        _add_value(element, piece, None if drums else head.accidental)
        if drums and note.pitch in _CYMBALS:
            _add(element, "notehead", "x")
        for number, beam in enumerate(beams if not order else [], start=1):
            _add(element, "beam", beam, number=f"{number}")
        _add_notations(element, piece, first=not order)


def _time_of(length: Fraction, notation: Notation) -> tuple[int, int] | None:
    """Return the time signature of a bar, None where no fraction of a whole note fits."""
    meter = notation.score.meter
    if meter and length == notation.metre.length:
        return meter
    whole = length / 4
    if whole.denominator.bit_count() != 1 or whole.denominator > 1024:
        return None
    scale = max(1, 4 // whole.denominator)
    return whole.numerator * scale, whole.denominator * scale


def _add_key(attributes: ET.Element, key: Key, *, drums: bool) -> None:
    element = _add(attributes, "key")
    plain = not key.extras and -7 <= key.signature <= 7
    if drums or plain or not any(key.alters):
        _add(element, "fifths", 0 if drums or not plain else key.signature)
        if key.mode in {"none", "exp"} or drums:
            return
        _add(element, "mode", key.mode)
        return
    for letter, alter in enumerate(key.alters):
        if alter:
            _add(element, "key-step", LETTERS[letter])
            _add(element, "key-alter", alter)


def _add_pitch(element: ET.Element, head: Head) -> None:
    pitch, spelled = _add(element, "pitch"), head.spelled
    _add(pitch, "step", LETTERS[spelled.letter])
    if spelled.alter:
        _add(pitch, "alter", spelled.alter)
    _add(pitch, "octave", spelled.octave)


def _add_unpitched(element: ET.Element, drum: int) -> None:
    place, unpitched = _DRUM_PLACES.get(drum, "E5"), _add(element, "unpitched")
    _add(unpitched, "display-step", place[0])
    _add(unpitched, "display-octave", place[1])


def _add_value(element: ET.Element, piece: Piece, accidental: int | None = None) -> None:
    _add(element, "type", _TYPES[piece.base])
    for _ in range(piece.dots):
        _add(element, "dot")
    if accidental is not None:
        _add(element, "accidental", _SIGNS[accidental])
    if piece.actual > 1:
        change = _add(element, "time-modification")
        _add(change, "actual-notes", piece.actual)
        _add(change, "normal-notes", piece.normal)


def _add_notations(element: ET.Element, piece: Piece, *, first: bool) -> None:
    ties = [kind for kind, tied in (("stop", piece.tied_from), ("start", piece.tied_on)) if tied]
    ends = {"both": ["start", "stop"], "": []}.get(piece.tuplet, [piece.tuplet]) if first else []
    if not ties and not ends:
        return
    notations = _add(element, "notations")
    for kind in ties:
        _add(notations, "tied", type=kind)
    for kind in ends:
        _add(notations, "tuplet", type=kind)


def _beams(layer: Sequence[Event], order: int) -> list[str]:
    """Return what each beam of an event does, from the outermost: begin, continue, end, hook."""
    piece = layer[order].piece
    if piece.beam < 0:
        return []
    before = layer[order - 1].piece if order else piece
    after = layer[order + 1].piece if order + 1 < len(layer) else piece
    left = before.flags if order and before.beam == piece.beam else 0
    right = after.flags if after is not piece and after.beam == piece.beam else 0
    words = []
    for level in range(1, piece.flags + 1):
        joins = (left >= level, right >= level)
        words.append(
            {(True, True): "continue", (True, False): "end", (False, True): "begin"}.get(
                joins, "backward hook" if left else "forward hook"
            )
        )
    return words
