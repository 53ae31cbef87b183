"""Guides tunes in ABC, whatever their tokens are: characters, or signs of several characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from seqstudio.music.abc_reader import parse_meter
from seqstudio.music.guiding.abc_grammar import Grammar
from seqstudio.music.guiding.abc_head import Header, full_ticks, meters, unit_beats
from seqstudio.music.guiding.abc_lines import Lines
from seqstudio.music.guiding.abc_state import Body, Head, Place
from seqstudio.music.guiding.base import Guide, Mask, Tokens
from seqstudio.music.guiding.scales import scale_of, tonic_of
from seqstudio.music.keys import parse_key
from seqstudio.records.messages import Constraints

_BETWEEN_BARS = frozenset(("line", "gap", "bar", "open", "break", "insert", "end"))
_MANY = 3


class AbcGuide(Guide):
    """Follows the place in a tune; where a text is beyond the rules, waits for the next bar."""

    signs = ("|", ":")

    def __init__(
        self, constraints: Constraints, symbols: Sequence[str], *, region: bool = False
    ) -> None:
        self._tokens: Tokens[Place] = Tokens(symbols)
        self._symbols = frozenset(symbols)
        self._region = region
        self._lines = Lines()
        self._landing = self._begun = False
        self._place: Place | None = None
        self._in_force = ""  # metre by a field inside the music
        self._take(constraints)
        if self._follows:
            self._place = Head()

    def _take(self, wished: Constraints) -> None:
        constraints = self._can_be_told(wished)
        self._wish = constraints
        self._follows = constraints != Constraints() or self._region
        self._header = Header(constraints, self._tells)
        self._grammar = Grammar(
            constraints, scale_of(constraints.key), self._symbols, region=self._region
        )

    def _tells(self, field: str) -> bool:
        """Tell whether a field with its value can be written."""
        return f"{field}\n" in self._symbols or set(field) <= self._symbols

    def _can_be_told(self, wished: Constraints) -> Constraints:
        """Return the wishes without a metre that no token stands for."""
        if not wished.meter or any(self._tells(f"M:{each}") for each in meters(wished.meter)):
            return wished
        self.note = f"The model has no sign for the metre {wished.meter}"
        return replace(wished, meter="")

    # ----------------------------------------------------------------- following

    @override
    def push(self, token: str) -> None:
        for char in token:
            self._read(char)
        self._aim()

    def _read(self, char: str) -> None:
        lines, before = self._lines, self._place
        lines.read(char)
        if before is None:
            self._adrift(char)
            return
        after = self._step(before, char)
        self._place = after
        if after is None:
            self.bars += lines.closed
        elif isinstance(before, Body) and isinstance(after, Body):
            closed = (before.events or before.at in ("note", "length")) and not after.events
            self.bars += closed and after.at in _BETWEEN_BARS and after.counted
        self.ended = isinstance(after, Body) and after.at == "end"

    def _adrift(self, char: str) -> None:
        """Find the way again: at a bar sign, or where a header begins or ends."""
        lines = self._lines
        self.bars += lines.closed
        if not self._follows:
            return
        if lines.closed:
            self._place = self._bar_start()._replace(at="bar", text="|")
        elif lines.line == "X:":
            self._place = Head(line="X:")
        elif char == "\n" and lines.in_body and not lines.open and not lines.begun:
            self._place = self._bar_start()

    def _step(self, place: Place, char: str) -> Place | None:
        if isinstance(place, Body):
            return self._grammar.step(place, char)
        after = self._header.step(place, char)
        if after is not None and char == "\n" and after.line.startswith("K:"):
            return self._body(after)
        return after

    def _body(self, head: Head) -> Body:
        """Return the place behind a header."""
        return self._at_bar(head.meter, head.unit, head.line[2:], first=True)

    def _bar_start(self) -> Body:
        """Return the place at the beginning of a bar, by the fields that were read."""
        known = self._lines.fields
        meter = self._in_force or known.get("M", "")
        first = not self._lines.begun
        return self._at_bar(meter, known.get("L", ""), known.get("K", ""), first=first)

    def _at_bar(self, meter: str, unit: str, key: str, *, first: bool) -> Body:
        found = parse_key(key)[0]
        asked = self._wish.meter or (meter if self._region else "")
        field = self._change_of(asked, meter)
        if asked and parse_meter(asked)[1] != parse_meter(meter)[1] and not field:
            asked = meter
            self.note = "The metre of this tune cannot be changed: its tokens do not hold the sign"
        full = full_ticks(asked, unit_beats(meter, unit)) if asked else 0
        tonic = tonic_of(self._wish.key or key)
        if self._wish.tonic and tonic < 0:
            self.note = "The tune has no key, so its last note can be any"
        place = Body(
            at="insert" if field else "line" if first else "gap",
            text=field, full=full, left=full, key=found.alters, tonic=tonic, first=first,
        )  # fmt: skip
        if self._wish.tonic and tonic >= 0 and not self._grammar.has_tonic(place):
            self.note = "The tonic cannot be written in this range, so the last note can be any"
            return place._replace(tonic=-1)
        return place

    def _change_of(self, asked: str, meter: str) -> str:
        """Return the field that changes the metre inside the music, "" where none is needed."""
        if not asked or parse_meter(asked)[1] == parse_meter(meter)[1]:
            return ""
        field = f"[M:{asked}]"
        if field not in self._symbols and not set(field) <= self._symbols:
            return ""
        self._in_force = asked
        return field

    def _aim(self) -> None:
        """Tell the place how many bars are to go."""
        place = self._place
        if not isinstance(place, Body) or place.to_go < 0 or place.at == "end" or not self._begun:
            return
        left = self._wish.bars - self.bars if self._wish.bars else 0
        to_go = max(1, min(left, _MANY)) if self._wish.bars else 0
        if self._landing:
            to_go = 1
        if place.to_go != to_go:
            self._place = place._replace(to_go=to_go)

    # ------------------------------------------------------------------- asking

    @property
    @override
    def at_bar(self) -> bool:
        """Whether nothing of the next bar is there yet."""
        place = self._place
        if isinstance(place, Body):
            half = place.at == "bar" and (
                place.text == ":" or (place.closes and place.text == "|")
            )
            return not place.events and place.at in _BETWEEN_BARS and not half
        return isinstance(place, Head) or not self._lines.open

    @override
    def allowed(self) -> Mask | None:
        if self._place is None:
            return None
        if self._possible(self._place):
            mask = self._tokens.mask(self._place, self._step, self._goes_on)
            if mask.any():
                return mask
        self._place = None
        if not self.ended:
            self.note = self.note or "Nothing that keeps to the wishes could follow somewhere"
        return None

    def _possible(self, place: Place) -> bool:
        if isinstance(place, Head) or place.events or place.at == "end":
            return True
        return self._grammar.possible(place)

    def _goes_on(self, place: Place) -> bool:
        if isinstance(place, Body):
            return self._grammar.goes_on(place)
        return not place.line or ":" in self._symbols

    @override
    def begin(self) -> None:
        self.bars, self._begun = 0, True
        if self.ended:  # the prompt is a whole tune: another one follows
            self.ended, self._place = False, Head()
        self._aim()

    @override
    def steer(self, constraints: Constraints) -> None:
        self._take(constraints)
        if not self._follows:
            self._place = None
        elif not isinstance(self._place, Head):
            self._turn_at_bar()
        self._aim()

    def _turn_at_bar(self) -> None:
        """Follow from a bar line on, under what is asked now."""
        before = self._place
        if not self._lines.in_body:
            self._place = Head() if not self._lines.line else None
            return
        place = self._bar_start()
        if isinstance(before, Body):
            same = before.full == place.full
            place = place._replace(
                pickup=before.pickup if same else 0, short=before.short and same,
                on_tonic=before.on_tonic, rested=before.rested,
            )  # fmt: skip
            if place.at != "insert":
                place = place._replace(at=before.at, text=before.text, closes=before.closes)
        elif self._lines.closed and place.at != "insert":
            place = place._replace(at="bar", text="|")
        self._place = place

    @override
    def land(self) -> None:
        self._landing = True
        self._aim()
