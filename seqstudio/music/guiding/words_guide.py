"""What guides of codings made of words share: the head of a piece, and what its words may be."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np
from typing_extensions import override

from seqstudio.music.abc_reader import parse_meter
from seqstudio.music.codings.words import full_steps
from seqstudio.music.guiding.base import Guide, Mask
from seqstudio.music.guiding.scales import scale_of, tonic_of
from seqstudio.music.keys import parse_key
from seqstudio.records.messages import Constraints

NO_SIGN = "The model has no sign for"


class WordsGuide(Guide):
    """Reads a piece word by word and asks of every word whether it may come next.

    Attributes:
        per_beat: Steps of the grid in a beat.
    """

    per_beat: ClassVar[int]

    def __init__(
        self, constraints: Constraints, symbols: Sequence[str], *, region: bool = False
    ) -> None:
        self._symbols = tuple(symbols)
        self._words = tuple(symbol.strip() for symbol in symbols)
        self._known = frozenset(self._words)
        self._region = region
        self._begun = self._landing = False
        self._meter, self._key = "", ""  # as the piece told them
        self.steer(constraints)
        self._new_piece()
        self._restart()

    # ------------------------------------------------------------------ the piece

    def _new_piece(self) -> None:
        self._meter = self._key = ""
        self._in_head = True

    @override
    def push(self, token: str) -> None:
        for word in token.split():
            self._push(word)

    def _push(self, word: str) -> None:
        if word == "piece":
            self._new_piece()
            self._restart()
        elif word == "end":
            self.bars += not self.at_bar
            self.ended = self._follows
        elif self._in_head and word[:1] == "m" and word[1:2].isdigit():
            self._meter = word[1:]
        elif self._in_head and word[:1] == "k":
            self._key = word[1:].replace("-", " ")
        else:
            self._music(word)

    @abstractmethod
    def _restart(self) -> None:
        """Forget the music: another piece begins."""

    @abstractmethod
    def _music(self, word: str) -> None:
        """Read a word that is none of the head's."""

    @abstractmethod
    def _may_come(self, word: str) -> bool:
        """Tell whether a word of the music, or the end, may come."""

    @override
    def begin(self) -> None:
        self.bars, self._begun = 0, True
        if self.ended:
            self.ended = False
            self._new_piece()
            self._restart()

    @override
    def steer(self, constraints: Constraints) -> None:
        self._wish = constraints
        self._follows = constraints != Constraints() or self._region
        self._scale = scale_of(constraints.key)
        wanted = _meter_word(constraints.meter)
        if wanted and wanted not in self._known:
            self.note = f"{NO_SIGN} the metre {constraints.meter}"

    @override
    def land(self) -> None:
        self._landing = True

    # -------------------------------------------------------------------- asking

    @override
    def allowed(self) -> Mask | None:
        if not self._follows or not self._begun:
            return None
        may = self._may_begin if self._in_head else self._may_come
        mask = np.array([may(word) for word in self._words], np.bool_)
        if mask.any():
            return mask
        self.note = self.note or "Nothing that keeps to the wishes could follow somewhere"
        return None

    def _may_begin(self, word: str) -> bool:
        """Tell whether a word may come in the head, or end it."""
        wanted, key = _meter_word(self._wish.meter), _key_word(self._wish.key)
        if word[:1] == "m" and word[1:2].isdigit():
            return not self._meter and (not wanted or word == wanted)
        missing = wanted in self._known and not self._meter
        if word[:1] == "k":
            told = key in self._known
            return not missing and not self._key and (not key or not told or word == key)
        if missing or (key in self._known and not self._key):
            return False
        return word not in ("piece", "end") and self._may_come(word)

    # ------------------------------------------------------------------- wishes

    @property
    def _full(self) -> Fraction:
        """Steps of a full bar."""
        return full_steps(parse_meter(self._meter)[1] if self._meter else None, self.per_beat)

    @property
    def _tonic(self) -> int:
        return tonic_of(self._wish.key or self._key) if self._wish.tonic else -1

    @property
    def _to_go(self) -> int:
        """Bars until the end, the one that goes on included; 0 leaves the end open."""
        if self._landing:
            return 1
        if not self._wish.bars or not self._begun:
            return 0
        return max(1, self._wish.bars - self.bars)

    def _sounds(self, pitch: int) -> bool:
        if self._scale is not None and pitch % 12 not in self._scale:
            return False
        return self._wish.lowest <= pitch <= self._wish.highest


def _meter_word(meter: str) -> str:
    found = parse_meter(meter)[1] if meter else None
    return f"m{found[0]}/{found[1]}" if found else ""


def _key_word(key: str) -> str:
    return f"k{parse_key(key)[0].name.replace(' ', '-')}" if key else ""
