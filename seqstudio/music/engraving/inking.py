"""Drawing the notes of a system whose chords have their places: heads, stems, beams, ties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.music.engraving.chords import ACCIDENTAL, HEAD, STEM, Chord, Measure
from seqstudio.music.engraving.marks import Arc, Box, Drawn, Glyph, Shape, Stroke, Words

if TYPE_CHECKING:
    from seqstudio.music.engraving.notation import Notation

_SIGNS = {-2: "doubleFlat", -1: "flat", 0: "natural", 1: "sharp", 2: "doubleSharp"}
_STEM_WIDTH = 0.13
_LEDGER = 0.17
_BEAM, _BEAM_STEP = 0.5, 0.78
_STEEPEST = 0.2
_MOST_RISE = 1.25
_STUB = 1.1
_RESTS = {8: "restWhole", 4: "restWhole", 2: "restHalf", 1: "restQuarter"}


class Ink:
    """Draws measures one after another; ties reach from one to the next.

    Args:
        notation: What is written.
        drawn: Takes the marks.
        tops: y of the top line of each staff.
    """

    def __init__(self, notation: Notation, drawn: Drawn, tops: list[float]) -> None:
        self._notation = notation
        self._drawn = drawn
        self._tops = tops
        self._ties: dict[tuple[int, int, int], tuple[float, float, bool]] = {}
        self._left = 0.0
        self._began = False

    def measure(self, measure: Measure, left: float, right: float) -> None:
        """Draw a bar between two bar lines."""
        if not self._began:
            self._left, self._began = left, True
        lanes: dict[tuple[int, int], list[Chord]] = {}
        for chord in measure.chords:
            lanes.setdefault((chord.staff, chord.layer), []).append(chord)
        for lane in lanes.values():
            beams: dict[int, list[Chord]] = {}
            for chord in lane:
                if chord.event.piece.beam >= 0:
                    beams.setdefault(chord.event.piece.beam, []).append(chord)
            for group in beams.values():
                self._beam(group)
            for chord in lane:
                self._chord(chord, left, right)
            self._tuplets(lane)

    def finish(self, right: float) -> None:
        """Draw the halves of ties that go on in the next system."""
        for (_staff, _layer, note), (x, y, up) in self._ties.items():
            self._tie(x, right - 0.3, y, up=up, note=note)

    # Chords and rests

    def _y(self, chord: Chord, step: float) -> float:
        return self._tops[chord.staff] + 4 - step / 2

    def _chord(self, chord: Chord, left: float, right: float) -> None:
        if not chord.steps:
            self._rest(chord, left, right)
            return
        piece = chord.event.piece
        if chord.stemmed and piece.beam < 0:
            self._tip_alone(chord)
        self._ledgers(chord)
        name = "headBlack" if piece.base <= 1 else "headHalf" if piece.base == 2 else "headWhole"
        for order, (head, step) in enumerate(zip(chord.event.heads, chord.steps, strict=True)):
            x, y = chord.x + self._aside(chord, order), self._y(chord, step)
            self._drawn.marks.append(Glyph(name, x, y, head.note))
            self._drawn.boxes.append(Box(head.note, x, y - 0.5, chord.head_width, 1.0))
            if chord.columns[order] >= 0 and head.accidental is not None:
                sign_x = chord.x - 0.25 - ACCIDENTAL * (chord.columns[order] + 1)
                sign_x -= HEAD if any(chord.aside) and not chord.up else 0.0
                self._drawn.marks.append(Glyph(_SIGNS[head.accidental], sign_x, y, head.note))
            self._dots(chord, step, head.note)
            self._tied(chord, order, head.note)
        if chord.stemmed:
            self._stem(chord)

    def _aside(self, chord: Chord, order: int) -> float:
        if not chord.aside[order]:
            return 0.0
        return chord.head_width - 0.1 if chord.up else 0.1 - chord.head_width

    def _dots(self, chord: Chord, step: int, note: int) -> None:
        x = chord.x + chord.head_width + 0.35
        x += HEAD if any(chord.aside) and chord.up else 0.0
        y = self._y(chord, step + 1 if step % 2 == 0 else step)
        for dot in range(chord.event.piece.dots):
            self._drawn.marks.append(Glyph("dot", x + 0.55 * dot, y, note))

    def _ledgers(self, chord: Chord) -> None:
        low, high = min(chord.steps), max(chord.steps)
        steps = [*range(-2, low - 1, -2), *range(10, high + 1, 2)]
        wide = any(chord.aside)
        left = chord.x - 0.4 - (chord.head_width if wide and not chord.up else 0.0)
        right = chord.x + chord.head_width + 0.4 + (chord.head_width if wide and chord.up else 0.0)
        for step in steps:
            y = self._y(chord, step)
            self._drawn.marks.append(Stroke(left, y, right, y, _LEDGER, -2))

    def _rest(self, chord: Chord, left: float, right: float) -> None:
        piece = chord.event.piece
        top = self._tops[chord.staff] - chord.raised / 2
        if piece.whole_bar:
            self._drawn.marks.append(Glyph("restWhole", (left + right) / 2 - 0.6, top + 1))
            return
        name = _RESTS.get(int(piece.base)) if piece.base >= 1 else f"rest{4 * int(1 / piece.base)}"
        y = top + 1 if name == "restWhole" else top + 2
        self._drawn.marks.append(Glyph(name or "restQuarter", chord.x, y))
        for dot in range(piece.dots):
            self._drawn.marks.append(Glyph("dot", chord.x + 1.5 + 0.55 * dot, top + 1.5))

    # Stems and beams

    def _tip_alone(self, chord: Chord) -> None:
        outer = max(chord.steps) if chord.up else min(chord.steps)
        length = STEM + 0.7 * max(0, chord.event.piece.flags - 2)
        tip = self._y(chord, outer) + (-length if chord.up else length)
        middle = self._tops[chord.staff] + 2
        chord.tip = min(tip, middle) if chord.up else max(tip, middle)

    def _stem_x(self, chord: Chord) -> float:
        half = _STEM_WIDTH / 2
        return chord.x + (chord.head_width - half if chord.up else half)

    def _stem(self, chord: Chord) -> None:
        x = self._stem_x(chord)
        root = self._y(chord, min(chord.steps) if chord.up else max(chord.steps))
        root += -0.16 if chord.up else 0.16
        self._drawn.marks.append(Stroke(x, root, x, chord.tip, _STEM_WIDTH))
        piece = chord.event.piece
        if piece.flags and piece.beam < 0:
            name = "flagUp" if chord.up else "flagDown"
            step = _BEAM_STEP if chord.up else -_BEAM_STEP
            for order in range(piece.flags):
                place = chord.tip + step * order
                self._drawn.marks.append(Glyph(name, x - _STEM_WIDTH / 2, place))

    def _beam(self, group: list[Chord]) -> None:
        """Draw the beams of a group and end its stems on the outermost."""
        first, last = group[0], group[-1]
        up = first.up
        sign = -1.0 if up else 1.0
        x0, x1 = self._stem_x(first), self._stem_x(last)
        rise = self._outer(last) - self._outer(first)
        most = min(_MOST_RISE, _STEEPEST * (x1 - x0))
        slope = max(-most, min(most, rise / 2)) / max(x1 - x0, 0.1)
        least = STEM - 0.6 + 0.45 * max(0, max(c.event.piece.flags for c in group) - 1)
        # Every stem at least so long, one of them exactly; none short of the middle line.
        starts = [self._outer(c) + sign * least - slope * (self._stem_x(c) - x0) for c in group]
        base = min(starts) if up else max(starts)
        middle = self._tops[first.staff] + 2
        ends = [base, base + slope * (x1 - x0)]
        base += min(0.0, middle - max(ends)) if up else max(0.0, middle - min(ends))
        for chord in group:
            chord.tip = base + slope * (self._stem_x(chord) - x0)
        for level in range(1, max(c.event.piece.flags for c in group) + 1):
            self._level(group, level, slope)

    def _outer(self, chord: Chord) -> float:
        return self._y(chord, max(chord.steps) if chord.up else min(chord.steps))

    def _level(self, group: list[Chord], level: int, slope: float) -> None:
        """Draw one beam of a group: from note to note, or a stub beside a lonely one."""
        at = 0
        while at < len(group):
            if group[at].event.piece.flags < level:
                at += 1
                continue
            stop = at
            while stop + 1 < len(group) and group[stop + 1].event.piece.flags >= level:
                stop += 1
            left, right = self._stem_x(group[at]), self._stem_x(group[stop])
            if stop == at:
                left, right = (left, left + _STUB) if at == 0 else (left - _STUB, left)
            self._slab(group[at], left, right, level, slope)
            at = stop + 1

    def _slab(self, chord: Chord, left: float, right: float, level: int, slope: float) -> None:
        x = self._stem_x(chord)
        inward = 1.0 if chord.up else -1.0
        near = chord.tip + inward * _BEAM_STEP * (level - 1)
        half = _STEM_WIDTH / 2
        corners = [(left - half, near), (right + half, near)]
        upper = [(px, py + slope * (px - x)) for px, py in corners]
        lower = [(px, py + inward * _BEAM) for px, py in reversed(upper)]
        self._drawn.marks.append(Shape((*upper, *lower)))

    # Ties and tuplets

    def _tied(self, chord: Chord, order: int, note: int) -> None:
        piece = chord.event.piece
        y = self._y(chord, chord.steps[order])
        key = (chord.staff, chord.layer, note)
        begun = self._ties.pop(key, None)
        if piece.tied_from:
            x, from_y, up = begun or (self._left - 0.6, y, self._tie_up(chord, order))
            self._tie(x, chord.x - 0.1 - (0.9 if chord.columns[order] >= 0 else 0), from_y,
                      up=up, note=note)  # fmt: skip
        if piece.tied_on:
            above = self._tie_up(chord, order)
            dots = 0.35 + 0.55 * piece.dots if piece.dots and above else 0.1
            self._ties[key] = (chord.x + chord.head_width + dots, y, above)

    def _tie_up(self, chord: Chord, order: int) -> bool:
        """Tell whether a tie bends upwards: away from the stem, outwards in chords and layers."""
        if chord.voiced:
            return chord.up
        return order >= len(chord.steps) / 2 if len(chord.steps) > 1 else not chord.up

    def _tie(self, x1: float, x2: float, y: float, *, up: bool, note: int) -> None:
        height = min(1.2, 0.45 + 0.06 * max(0.0, x2 - x1))
        shift = -0.45 if up else 0.45
        x2 = max(x2, x1 + 0.8)
        self._drawn.marks.append(Arc(x1, x2, y + shift, -height if up else height, note))

    def _tuplets(self, lane: list[Chord]) -> None:
        group: list[Chord] = []
        for chord in lane:
            piece = chord.event.piece
            if piece.tuplet in {"start", "both"}:
                group = []
            if piece.actual > 1:
                group.append(chord)
            if piece.tuplet in {"stop", "both"} and group:
                self._tuplet(group)
                group = []

    def _tuplet(self, group: list[Chord]) -> None:
        """Write the number of a tuplet over its beam, or with a bracket."""
        first, last = group[0], group[-1]
        up = next((chord.up for chord in group if chord.steps), True)
        beams = {chord.event.piece.beam for chord in group}
        x0, x1 = first.x, last.x + last.head_width
        if up:
            y = min(self._top_of(chord) for chord in group) - 0.5
        else:
            y = max(self._bottom_of(chord) for chord in group) + 0.5
        if len(beams) == 1 and beams != {-1}:
            middle = (self._stem_x(first) + self._stem_x(last)) / 2
            beam_y = (first.tip + last.tip) / 2
            y = beam_y - 0.4 if up else beam_y + 1.3
            self._number(group, middle, y)
            return
        tick = 0.7 if up else -0.7
        middle = (x0 + x1) / 2
        for left, right in ((x0, middle - 0.9), (middle + 0.9, x1)):
            self._drawn.marks.append(Stroke(left, y, right, y, 0.13))
        for x in (x0, x1):
            self._drawn.marks.append(Stroke(x, y, x, y + tick, 0.13))
        self._number(group, middle, y + 0.45)

    def _number(self, group: list[Chord], x: float, y: float) -> None:
        number = str(group[0].event.piece.actual)
        self._drawn.marks.append(Words(number, x, y, 1.35, "tuplet", "middle"))

    def _top_of(self, chord: Chord) -> float:
        if not chord.steps:
            return self._tops[chord.staff]
        head = self._y(chord, max(chord.steps)) - 0.5
        return min(head, chord.tip) if chord.stemmed else head

    def _bottom_of(self, chord: Chord) -> float:
        if not chord.steps:
            return self._tops[chord.staff] + 4
        head = self._y(chord, min(chord.steps)) + 0.5
        return max(head, chord.tip) if chord.stemmed else head
