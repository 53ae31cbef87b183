"""From notation to places: systems of justified bars, everything in staff spaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.music.engraving.chords import Chord, Measure, measure_of
from seqstudio.music.engraving.inking import Ink
from seqstudio.music.engraving.marks import Drawn, Glyph, Mark, Sheet, Stroke, System, Words
from seqstudio.music.engraving.spacing import Width, broken, factor_for, width_of

if TYPE_CHECKING:
    from seqstudio.music.engraving.clefs import Clef
    from seqstudio.music.engraving.notation import Notation

MARGIN = 2.0
_CLEF_ROOM = 3.6
_SIGN_ROOM = 1.0
_TIME_ROOM = 2.6
_STAFF_GAP = 3.5
_SYSTEM_GAP = 4.0
_TITLE_ROOM = 5.0
_TOP_ROOM = 2.0
_MOST_STRETCH = 1.9
_LAST_STRETCH = 1.25
_THIN, _THICK = 0.16, 0.5
_LINE = 0.13
_NAME_ROOM = 0.62
_SHARPS = (3, 0, 4, 1, 5, 2, 6)
#: Half space of each sign of a signature in the treble clef: sharps, flats.
_SHARP_STEPS = {3: 8, 0: 5, 4: 9, 1: 6, 5: 3, 2: 7, 6: 4}
_FLAT_STEPS = {6: 4, 2: 7, 5: 3, 1: 6, 4: 2, 0: 5, 3: 1}


def lay_out(notation: Notation, width: float, *, ended: bool = True) -> Sheet:
    """Lay a score out.

    Args:
        notation: What is written.
        width: Of the page in staff spaces, margins included; at least 30 are taken.
        ended: Whether the last bar line closes the piece.
    """
    return _Layout(notation, max(30.0, width), ended=ended).sheet()


@dataclass(slots=True)
class _Line:
    """A system being placed."""

    measures: list[Measure]
    widths: list[Width]
    first: bool
    last: bool
    number: int


class _Layout:
    def __init__(self, notation: Notation, width: float, *, ended: bool) -> None:
        self._notation = notation
        self._width = width
        self._ended = ended
        named = [[notation.score.track(voice).name for voice in staff.voices]
                 for staff in notation.staves]  # fmt: skip
        self._names = [[name for name in names if name] for names in named]
        several = len(notation.staves) > 1
        all_names = [name for names in self._names for name in names]
        longest = max((len(name) for name in all_names), default=0) if several else 0
        self._indent = min(12.0, longest * _NAME_ROOM + 1.0) if longest else 0.0
        alters = notation.key.alters
        self._signs = [(letter, alter) for letter, alter in enumerate(alters) if alter]

    def sheet(self) -> Sheet:
        """Return the whole score with its places."""
        title = self._notation.score.title
        top = _TITLE_ROOM if title else _TOP_ROOM
        marks: list[Mark] = []
        if title:
            marks.append(Words(title, self._width / 2, 3.0, 2.0, "title", "middle"))
        systems: list[System] = []
        for line in self._lines():
            systems.append(self._system(line, top))
            top = systems[-1].bottom
        return Sheet(self._width, top + 1.0, tuple(marks), tuple(systems))

    def _lines(self) -> list[_Line]:
        measures = [measure_of(self._notation, bar) for bar in self._notation.bars]
        widths = [width_of(measure) for measure in measures]
        first, further = self._room(first=True), self._room(first=False)
        lines = broken(widths, first, further)
        return [
            _Line([measures[n] for n in line], [widths[n] for n in line],
                  order == 0, order == len(lines) - 1, line[0] + 1)
            for order, line in enumerate(lines)
        ]  # fmt: skip

    def _room(self, *, first: bool) -> float:
        return self._width - 2 * MARGIN - self._head_width(first=first)

    def _head_width(self, *, first: bool) -> float:
        time = _TIME_ROOM if first and self._notation.score.meter else 0.0
        return (self._indent if first else 0.0) + _CLEF_ROOM + _SIGN_ROOM * len(self._signs) + time

    # A system

    def _system(self, line: _Line, top: float) -> System:
        tops = self._staff_tops(line, top)
        drawn = Drawn()
        left = MARGIN + (self._indent if line.first else 0.0)
        most = _LAST_STRETCH if line.last else _MOST_STRETCH
        factor = factor_for(line.widths, self._room(first=line.first), most)
        x = MARGIN + self._head_width(first=line.first)
        ink = Ink(self._notation, drawn, tops)
        times: list[tuple[float, float]] = []
        for order, (measure, width) in enumerate(zip(line.measures, line.widths, strict=True)):
            places = width.places(factor)
            times += self._place(measure, x, places)
            start = x
            x += places[-1]
            ink.measure(measure, start, x)
            final = self._ended and line.last and order == len(line.measures) - 1
            self._bar_line(drawn, x, tops, final=final)
        end = line.measures[-1].bar
        times.append((float(end.start + end.length), x))
        ink.finish(x)
        self._staff_lines(drawn, left, x, tops)
        self._head(drawn, line, left, tops)
        bottom = tops[-1] + 4 + self._below(line, len(tops) - 1) + _SYSTEM_GAP / 2
        return System(top, bottom, tops[0], tops[-1] + 4, tuple(drawn.marks), tuple(drawn.boxes),
                      tuple(times))  # fmt: skip

    def _place(self, measure: Measure, x: float, places: list[float]) -> list[tuple[float, float]]:
        times = []
        for onset, place in zip(measure.onsets, places, strict=False):
            for chord in measure.by_onset[onset]:
                chord.x = x + place + chord.shift
            times.append((float(onset), x + place))
        if not measure.onsets:
            times.append((float(measure.bar.start), x))
        return times

    def _staff_tops(self, line: _Line, top: float) -> list[float]:
        """Return the top line of each staff, far enough from what stands between."""
        tops = [top + self._above(line, 0) + _SYSTEM_GAP / 2]
        for staff in range(1, len(self._notation.staves)):
            between = self._below(line, staff - 1) + self._above(line, staff)
            tops.append(tops[-1] + 4 + max(_STAFF_GAP, between + 1.0))
        return tops

    def _chords(self, line: _Line, staff: int) -> list[Chord]:
        return [c for measure in line.measures for c in measure.chords if c.staff == staff]

    def _above(self, line: _Line, staff: int) -> float:
        highest = max((chord.extent[1] for chord in self._chords(line, staff)), default=8)
        return max(0.0, (highest - 8) / 2)

    def _below(self, line: _Line, staff: int) -> float:
        lowest = min((chord.extent[0] for chord in self._chords(line, staff)), default=0)
        return max(0.0, -lowest / 2)

    # Lines and signs

    def _staff_lines(self, drawn: Drawn, left: float, right: float, tops: list[float]) -> None:
        lines = [
            Stroke(left, top + line, right, top + line, _LINE, -2)
            for top in tops
            for line in range(5)
        ]
        drawn.marks[:0] = lines

    def _bar_line(self, drawn: Drawn, x: float, tops: list[float], *, final: bool) -> None:
        top, bottom = tops[0], tops[-1] + 4
        if final:
            drawn.marks.append(Stroke(x - 0.9, top, x - 0.9, bottom, _THIN))
            drawn.marks.append(Stroke(x - _THICK / 2, top, x - _THICK / 2, bottom, _THICK))
        else:
            drawn.marks.append(Stroke(x, top, x, bottom, _THIN))

    def _head(self, drawn: Drawn, line: _Line, left: float, tops: list[float]) -> None:
        """Draw names, bracket, number of the bar, clefs, key signature and metre."""
        marks = drawn.marks
        if len(tops) > 1:
            self._bracket(drawn, left, tops)
        if line.first and self._indent:
            for names, top in zip(self._names, tops, strict=True):
                middle = top + 2.45 - 0.8 * (len(names) - 1)
                for order, name in enumerate(names):
                    place = middle + 1.6 * order
                    marks.append(Words(name, left - 1.4, place, 1.3, "name", "right"))
        if line.number > 1:
            marks.append(Words(f"{line.number}", left, tops[0] - 1.5, 1.2, "number"))
        for staff, top in zip(self._notation.staves, tops, strict=True):
            x = left + 0.6
            self._clef(drawn, staff.clef, x, top)
            x += _CLEF_ROOM - 0.4
            for order, (letter, alter) in enumerate(self._in_order()):
                y = top + 4 - self._sign_step(staff.clef, letter, alter) / 2
                marks.append(Glyph(_SIGN_NAMES[alter], x + order * _SIGN_ROOM, y))
            if line.first and self._notation.score.meter:
                x += _SIGN_ROOM * len(self._signs) + 0.3
                self._metre(drawn, x, top)

    def _bracket(self, drawn: Drawn, left: float, tops: list[float]) -> None:
        top, bottom = tops[0], tops[-1] + 4
        drawn.marks += [
            Stroke(left, top, left, bottom, _THIN),
            Stroke(left - 0.7, top - 0.4, left - 0.7, bottom + 0.4, _THICK),
            Stroke(left - 0.95, top - 0.4, left + 0.3, top - 0.55, 0.18),
            Stroke(left - 0.95, bottom + 0.4, left + 0.3, bottom + 0.55, 0.18),
        ]

    def _clef(self, drawn: Drawn, clef: Clef, x: float, top: float) -> None:
        name = "gClef" if clef.sign == "G" else "fClef"
        drawn.marks.append(Glyph(name, x, top + 5 - clef.line))
        if clef.octave:
            drawn.marks.append(Words("8", x + 1.25, top + 6.9, 1.3, "octave", "middle"))

    def _in_order(self) -> list[tuple[int, int]]:
        """Return the signs of the signature in the order in which they are printed."""
        sharps = [(letter, alter) for letter, alter in self._signs if alter > 0]
        flats = [(letter, alter) for letter, alter in self._signs if alter < 0]
        return sorted(sharps, key=lambda sign: _SHARPS.index(sign[0])) + sorted(
            flats, key=lambda sign: -_SHARPS.index(sign[0])
        )

    def _sign_step(self, clef: Clef, letter: int, alter: int) -> int:
        step = (_SHARP_STEPS if alter > 0 else _FLAT_STEPS)[letter]
        return step - 2 if clef.sign == "F" else step

    def _metre(self, drawn: Drawn, x: float, top: float) -> None:
        meter = self._notation.score.meter or (4, 4)
        widest = max(len(str(number)) for number in meter)
        for number, y in zip(meter, (top + 1.0, top + 3.0), strict=True):
            text = str(number)
            indent = (widest - len(text)) * 0.85
            for order, digit in enumerate(text):
                drawn.marks.append(Glyph(f"digit{digit}", x + indent + 1.7 * order, y))


_SIGN_NAMES = {-2: "doubleFlat", -1: "flat", 0: "natural", 1: "sharp", 2: "doubleSharp"}
