"""Guides events: bar, position, pitch, duration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from typing_extensions import override

from seqstudio.music.codings.events import STEPS
from seqstudio.music.guiding.words_guide import WordsGuide
from seqstudio.records.messages import Constraints

_WORD = re.compile(r"(bar|pos|len|drums|[pdvigt])(\d{0,4})")
_MOST_TOGETHER = 6
_MOST_QUIET = 2


class EventsGuide(WordsGuide):
    """Notes lie inside their bars, in order; of the notes struck last the lowest is the tonic."""

    per_beat = STEPS
    signs = ("bar", "end")

    def __init__(
        self, constraints: Constraints, symbols: Sequence[str], *, region: bool = False
    ) -> None:
        numbers: dict[str, list[int]] = {}
        for symbol in symbols:
            match = _WORD.fullmatch(symbol.strip())
            if match and match[2]:
                numbers.setdefault(match[1], []).append(int(match[2]))
        self._positions = sorted(numbers.get("pos", []))
        self._shortest = min(numbers.get("d", [1]))
        super().__init__(constraints, symbols, region=region)

    @override
    def _restart(self) -> None:
        self._open = self._final = False
        self._length: Fraction = self._full
        self._place = -1  # -1 before the first position of the bar
        self._struck: list[int] = []  # pitches at this place, or at the last that had any
        self._fresh = False  # the place has no note yet
        self._pitch = -1
        self._quiet = 0
        self._count = 0  # bars begun
        self._short = False  # the bar is a pickup
        self._voice = 0
        self._drums: set[int] = set()

    @override
    def _music(self, word: str) -> None:
        match = _WORD.fullmatch(word)
        if match is None:
            return
        kind, number = match[1], int(match[2] or 0)
        self._in_head = self._in_head and kind != "bar"
        if kind == "bar":
            self._bar()
        elif kind == "len" and self._place < 0:
            self._short, self._length = Fraction(number) < self._full, Fraction(max(1, number))
        elif kind == "pos":
            self._place, self._fresh, self._quiet = number, True, 0
        elif kind in "pd":
            self._note(kind, number)
        else:
            self._quiet += 1
            self._track(kind, number)

    def _track(self, kind: str, number: int) -> None:
        if kind == "i":
            self._voice = number
        elif kind == "drums":
            self._drums.add(self._voice)

    def _bar(self) -> None:
        if self._open:
            self.bars += not self._short
            self.ended = self._region and self._final
        elif not self._count:
            self._voice = 0
        self._open, self._place, self._fresh = True, -1, False
        self._count += 1
        self._short, self._length = False, self._full
        self._quiet = 0
        self._final = self._to_go == 1

    def _note(self, kind: str, number: int) -> None:
        if kind == "d":
            self._pitch = -1
            return
        if self._fresh:
            self._struck, self._fresh = [], False
        self._struck.append(number)
        self._pitch, self._quiet = number, 0

    @property
    @override
    def at_bar(self) -> bool:
        return self._in_head or (self._open and self._place < 0 and not self._short)

    @override
    def _may_come(self, word: str) -> bool:
        if word == "end":
            return self._may_end()
        match = _WORD.fullmatch(word)
        if match is None:
            return False
        kind, number = match[1], int(match[2] or 0)
        if not self._open:
            return kind == "bar" or (kind in ("i", "g", "drums", "t") and self._quiet < 8)
        if self._pitch >= 0:
            return kind == "d" and self._place + number <= self._length
        return self._may_sound_next(kind, number)

    def _may_sound_next(self, kind: str, number: int) -> bool:
        together = len(self._struck) if not self._fresh else 0
        match kind:
            case "bar":
                may = self._may_close()
            case "len":
                may = self._count == 1 and self._place < 0 and 0 < number < self._full
                may = may and not self._short and bool(self._positions) and not self._final
            case "pos":
                may = not self._fresh and self._place < number <= self._length - self._shortest
            case "p":
                may = self._place >= 0 and together < _MOST_TOGETHER and self._may_sound(number)
            case "v" | "t" | "i":
                may = self._place >= 0 and self._quiet < _MOST_QUIET and together == 0
                may = may and (kind != "i" or number not in self._drums)
            case _:
                may = False
        return may

    def _may_sound(self, pitch: int) -> bool:
        if self._voice in self._drums:
            return True
        later = any(self._place < p <= self._length - self._shortest for p in self._positions)
        if self._final and self._tonic >= 0 and not later and pitch % 12 != self._tonic:
            return False
        return self._sounds(pitch)

    def _may_close(self) -> bool:
        if self._place < 0 or self._fresh:
            return False
        if not self._final:
            return True
        return self._region and self._on_tonic

    def _may_end(self) -> bool:
        if self._region or not self._open or self._fresh or self._pitch >= 0 or self._place < 0:
            return False
        return self._on_tonic and (self._final or not self._wish.bars)

    @property
    def _on_tonic(self) -> bool:
        return self._tonic < 0 or (bool(self._struck) and min(self._struck) % 12 == self._tonic)
