"""Writing and transposing ABC text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from seqstudio.music.abc_tokens import (
    MEMBER,
    TOKEN,
    Line,
    split_book,
    tune_lines,
    written_letter,
)
from seqstudio.music.keys import (
    ALTER_SIGNS,
    LETTERS,
    NO_KEY,
    Accidentals,
    Key,
    Spelled,
    fifths_of_transposition,
    name_of,
    parse_key,
    spell,
    spelled,
    transposed_key,
    transposed_key_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seqstudio.music.score import Note, Score

_UNIT_BEATS = Fraction(1, 2)
_GRIDS = (4, 8, 12, 16, 24, 48)
_LONGEST_BEATS = 64
_BARS_A_LINE = 4
_CHORD_SYMBOL = re.compile(
    r'"([A-G])([#b]?)((?:maj|min|dim|aug|sus|add|m|M|[-+°ø()\d]|[#b](?=\d))*)'
    r'(?:/([A-G])([#b]?))?"'
)


def note_text(note: Spelled, *, accidental: bool) -> str:
    """Return a note without its length, "^c'"."""
    sign = ALTER_SIGNS[note.alter] if accidental else ""
    letter = LETTERS[note.letter]
    if note.octave >= 5:
        return sign + letter.lower() + "'" * (note.octave - 5)
    return sign + letter + "," * (4 - note.octave)


def transpose(text: str, semitones: int) -> str:
    """Return a tune or book moved up by a number of semitones, as good ABC.

    K: keeps its mode, chord symbols and grace notes move along, notes are spelled for the new
    key. Everything else stays as it stands, but for accidentals that belong to no note.
    """
    if semitones == 0:
        return text
    parts: list[str] = []
    done = 0
    for tune in split_book(text):
        parts += [text[done : tune.offset], _Transposer(tune.text, semitones).text()]
        done = tune.offset + len(tune.text)
    return "".join(parts) + text[done:]


@dataclass(slots=True)
class _Place:
    """What letters mean in the old text and in the new one, for one voice."""

    old: Accidentals
    new: Accidentals
    fifths: int
    last: list[tuple[Spelled, Spelled]] = field(default_factory=list)

    def next_event(self) -> None:
        self.old.next_event()
        self.new.next_event()
        self.last = []

    def next_bar(self) -> None:
        self.old.next_bar()
        self.new.next_bar()
        self.last = []

    def tie(self, notes: Iterable[tuple[Spelled, Spelled]]) -> None:
        for old, new in notes:
            self.old.tie(old.letter, old.octave, old.alter)
            self.new.tie(new.letter, new.octave, new.alter)


class _Transposer:
    def __init__(self, text: str, semitones: int) -> None:
        self._text = text
        self._semitones = semitones
        self._key: Key | None = None
        self._voice: str | None = None
        self._places: dict[str, _Place] = {}

    def text(self) -> str:
        parts: list[str] = []
        done = 0
        lines = list(tune_lines(self._text))
        first_key = next((i for i, line in enumerate(lines) if line.letter == "K"), -1)
        for index, line in enumerate(lines):
            parts.append(self._text[done : line.start])
            done = line.end
            parts.append(self._line(line, is_music=index > first_key))
        return "".join(parts)

    def _line(self, line: Line, *, is_music: bool) -> str:
        written = self._text[line.start : line.end]
        if line.kind == "field":
            return self._field(line.letter, written)
        if line.kind == "music" and is_music:
            tokens = TOKEN.finditer(self._text, line.start, line.end)
            return "".join(self._token(match) for match in tokens)
        return written

    def _field(self, letter: str, written: str) -> str:
        value, percent, comment = written.partition("%")
        if letter == "V" and self._key is not None:
            self._voice = (value.split(maxsplit=1) or [""])[0]
        if letter != "K":
            return written
        self._set_key(parse_key(value)[0])
        return transposed_key_text(value, self._semitones) + percent + comment

    def _set_key(self, key: Key) -> None:
        # Before any voice or music a K: is the key of the whole tune, as in the reader.
        if self._key is None or self._voice is None:
            self._key = key
        if self._voice is not None:
            place = self._place()
            place.fifths = fifths_of_transposition(key, self._semitones)
            place.old.set_key(key)
            place.new.set_key(transposed_key(key, place.fifths))

    def _place(self) -> _Place:
        """Return the state of the voice in force; only once music or a voice has begun."""
        assert self._voice is not None
        if self._voice not in self._places:
            key = self._key or NO_KEY
            fifths = fifths_of_transposition(key, self._semitones)
            new_key = transposed_key(key, fifths)
            self._places[self._voice] = _Place(Accidentals(key), Accidentals(new_key), fifths)
        return self._places[self._voice]

    def _token(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        self._voice = self._voice or ""
        if kind == "inline":
            return f"[{match[0][1]}:{self._field(match[0][1], match[0][3:-1])}]"
        place = self._place()
        if kind in ("note", "rest", "chord"):
            place.next_event()
        if kind == "note":
            return self._note(match, place)
        if kind in ("chord", "grace"):
            return self._members(match[0], place, sounding=kind == "chord")
        if kind == "text":
            return _CHORD_SYMBOL.sub(lambda found: _moved_symbol(found, place.fifths), match[0])
        whole_bars = kind == "rest" and match["rest_kind"] in "ZX"
        if whole_bars or (kind in ("bar", "ending") and match["bar_line"] != ":"):
            place.next_bar()
        if kind == "tie":
            place.tie(place.last)
        return _kept(match)

    def _members(self, written: str, place: _Place, *, sounding: bool) -> str:
        parts = []
        for match in MEMBER.finditer(written):
            if match.lastgroup == "note":
                parts.append(self._note(match, place, sounding=sounding))
                continue
            if match.lastgroup == "tie" and sounding:
                place.tie(place.last[-1:])
            parts.append(_kept(match))
        return "".join(parts)

    def _note(self, match: re.Match[str], place: _Place, *, sounding: bool = True) -> str:
        letter, octave, written = written_letter(match)
        alter = place.old.meaning(letter, octave) if written is None else written
        old = Spelled(letter, octave, alter)
        pitch = old.pitch + self._semitones
        new = spelled(old.fifths + place.fifths, pitch)
        if abs(new.alter) > 2:
            new = spell(pitch, place.new.key)
        needed = place.new.meaning(new.letter, new.octave) != new.alter
        explicit = written is not None or needed
        if sounding:
            place.last.append((old, new))
            if written is not None:
                place.old.write(letter, written)
            if explicit:
                place.new.write(new.letter, new.alter)
        return note_text(new, accidental=explicit) + match["length"]


def _kept(match: re.Match[str]) -> str:
    """Return a token that does not change; a lone accidental would join with the next note."""
    return " " if match.lastgroup == "stray" and match[0] in "^_=" else match[0]


def _moved_symbol(match: re.Match[str], fifths: int) -> str:
    root = _moved_name(match[1] + match[2], fifths)
    bass = "/" + _moved_name(match[4] + match[5], fifths) if match[4] else ""
    return f'"{root}{match[3]}{bass}"'


def _moved_name(name: str, fifths: int) -> str:
    tonic = parse_key(name)[0].tonic or 0
    moved = tonic + fifths
    return name_of(moved if -7 <= moved <= 11 else (moved + 4) % 12 - 4)


# Writing


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chord, note or rest (no pitches) within one bar; times in beats."""

    start: Fraction
    end: Fraction
    pitches: tuple[int, ...]
    goes_on: bool = False

    @property
    def length(self) -> Fraction:
        return self.end - self.start


def write_tune(score: Score, number: int = 1) -> str:
    """Return a score as an ABC tune that `read_tune` reads back to the same pitches and times.

    Times are kept exactly where they lie on a grid of 1/48 beat or coarser, else rounded to
    1/12 beat. Voices and overlapping notes become voices V:. Velocities and changes of tempo are
    lost, drums are left out, for ABC has no way to write them; repeats stay written out.

    Args:
        score: Notes to write.
        number: Value of X:.
    """
    steps = _steps_a_beat(score)
    layers = _layers(score.pitched, steps)
    key = parse_key(score.key)[0]
    lines = [
        f"X:{number}",
        f"T:{score.title or 'Untitled'}",
        f"M:{'/'.join(map(str, score.meter)) if score.meter else 'none'}",
        "L:1/8",
        f"Q:1/4={round(score.tempo_bpm, 3):g}",
        f"K:{key.name}",
    ]
    borders = _bar_borders(score, steps)
    for order, layer in enumerate(layers, start=1):
        if len(layers) > 1:
            lines.append(f"V:{order}")
        lines += _music_lines(layer, borders, key, _group_beats(score.meter))
    return "\n".join(lines) + "\n"


def _steps_a_beat(score: Score) -> int:
    times = [*(note.start for note in score.notes), *(note.end for note in score.notes)]
    times += score.bar_starts
    denominators = {time.denominator for time in times}
    exact = (steps for steps in _GRIDS if all(steps % part == 0 for part in denominators))
    return next(exact, 12)


def _layers(notes: tuple[Note, ...], steps: int) -> list[list[_Piece]]:
    """Group notes into chords and spread them so that nothing overlaps within a layer."""
    chords: dict[tuple[int, Fraction, Fraction], set[int]] = {}
    for note in notes:
        start = Fraction(round(note.start * steps), steps)
        end = max(Fraction(round(note.end * steps), steps), start + Fraction(1, steps))
        chords.setdefault((note.voice, start, end), set()).add(note.pitch)
    layers: dict[tuple[int, int], list[_Piece]] = {}
    for voice, start, end in sorted(chords):
        piece = _Piece(start, end, tuple(sorted(chords[voice, start, end])))
        depth = 0
        while layers.get((voice, depth)) and layers[voice, depth][-1].end > start:
            depth += 1
        layers.setdefault((voice, depth), []).append(piece)
    return [layers[place] for place in sorted(layers)]


def _bar_borders(score: Score, steps: int) -> list[Fraction]:
    end = Fraction(-(-score.end_beats * steps // 1), steps)
    if score.bar_starts:
        starts = [Fraction(round(start * steps), steps) for start in score.bar_starts]
    elif score.meter:
        beats = Fraction(4 * score.meter[0], score.meter[1])
        starts = [beats * order for order in range(int(end / beats) + 1)]
    else:
        starts = []
    return sorted({Fraction(0), *(start for start in starts if start < end), end})


def _group_beats(meter: tuple[int, int] | None) -> Fraction:
    compound = meter is not None and meter[1] == 8 and meter[0] % 3 == 0
    return Fraction(3, 2) if compound else Fraction(1)


def _music_lines(
    layer: list[_Piece], borders: list[Fraction], key: Key, group: Fraction
) -> list[str]:
    accidentals = Accidentals(key)
    bars = []
    for start, pieces in _bars(layer, borders):
        bars.append(_bar_text(pieces, start, accidentals, group))
        accidentals.next_bar()
    rows = [bars[at : at + _BARS_A_LINE] for at in range(0, len(bars), _BARS_A_LINE)]
    lines = ["|".join(row) + "|" for row in rows]
    return [*lines[:-1], lines[-1] + "]"] if lines else []


def _bars(layer: list[_Piece], borders: list[Fraction]) -> Iterator[tuple[Fraction, list[_Piece]]]:
    """Yield the onset and the pieces of every bar: gaps are rests, notes are cut at bars."""
    pending = list(reversed(layer))
    for start, end in pairwise(borders):
        pieces: list[_Piece] = []
        at = start
        while at < end:
            limit = min(end, at + _LONGEST_BEATS)
            piece = pending[-1] if pending else None
            if piece is None or piece.start > at:
                stop = limit if piece is None else min(limit, piece.start)
                pieces.append(_Piece(at, stop, ()))
            else:
                pending.pop()
                stop = min(limit, piece.end)
                pieces.append(_Piece(at, stop, piece.pitches, goes_on=piece.end > stop))
                if piece.end > stop:
                    pending.append(_Piece(stop, piece.end, piece.pitches))
            at = stop
        yield start, pieces


def _bar_text(
    pieces: list[_Piece], start: Fraction, accidentals: Accidentals, group: Fraction
) -> str:
    parts: list[str] = []
    triplet_left = 0
    for index, piece in enumerate(pieces):
        if parts and (piece.start - start) % group == 0:
            parts.append(" ")
        if not triplet_left and _is_triplet(pieces[index : index + 3]):
            parts.append("(3")
            triplet_left = 3
        stretched = piece.length * Fraction(3, 2) if triplet_left else piece.length
        triplet_left = max(0, triplet_left - 1)
        parts.append(_piece_text(piece, stretched / _UNIT_BEATS, accidentals))
    return "".join(parts)


def _is_triplet(pieces: list[_Piece]) -> bool:
    lengths = {piece.length for piece in pieces}
    return len(pieces) == 3 and len(lengths) == 1 and lengths.pop().denominator % 3 == 0


def _piece_text(piece: _Piece, units: Fraction, accidentals: Accidentals) -> str:
    accidentals.next_event()
    length = "" if units.numerator == 1 else str(units.numerator)
    if units.denominator != 1:
        length += "/" if units.denominator == 2 else f"/{units.denominator}"
    names = [_written(pitch, accidentals, tied=piece.goes_on) for pitch in piece.pitches]
    body = f"[{''.join(names)}]" if len(names) > 1 else (names[0] if names else "z")
    return body + length + ("-" if piece.goes_on else "")


def _written(pitch: int, accidentals: Accidentals, *, tied: bool) -> str:
    note = spell(pitch, accidentals.key)
    needed = accidentals.meaning(note.letter, note.octave) != note.alter
    if needed:
        accidentals.write(note.letter, note.alter)
    if tied:
        accidentals.tie(note.letter, note.octave, note.alter)
    return note_text(note, accidental=needed)
