"""Guides the grid of four voices."""

from __future__ import annotations

from typing_extensions import override

from seqstudio.music.codings.voices import BAR, HOLD, REST, STEPS, VOICES
from seqstudio.music.codings.words import PITCHES
from seqstudio.music.guiding.words_guide import WordsGuide

_BASS = len(VOICES) - 1


class VoicesGuide(WordsGuide):
    """Every step has four signs, every bar its steps; the bass has the last word on the tonic."""

    per_beat = STEPS

    @override
    def _restart(self) -> None:
        self._column = self._step = 0
        self._open = False  # a bar has begun
        self._first = True
        self._final = False
        self._held: dict[int, int] = {}
        self._last_bass = -1

    @override
    def _music(self, word: str) -> None:
        self._in_head = self._in_head and word != BAR and word not in PITCHES
        if word == BAR:
            self._bar()
        elif word in PITCHES or word in (HOLD, REST):
            self._sign(word)

    def _bar(self) -> None:
        self._first = not self._open or (self._first and not self._step)
        if self._open and 0 < self._step < self._full:
            self._first = False
        self._column = self._step = 0
        self._open = True
        self._final = self._to_go == 1

    def _sign(self, word: str) -> None:
        voice = self._column
        if word in PITCHES:
            self._held[voice] = PITCHES[word]
        elif word == REST:
            self._held.pop(voice, None)
        if voice == _BASS:
            self._last_bass = self._held.get(voice, self._last_bass)
        self._column = (voice + 1) % len(VOICES)
        self._step += not self._column
        if not self._column and self._step == self._full:
            self._first = False
            self.bars += 1
            self.ended = self._region and self._final

    @property
    @override
    def at_bar(self) -> bool:
        return self._in_head or (not self._column and self._step in (0, self._full))

    @override
    def _may_come(self, word: str) -> bool:
        if not self._open:
            return word == BAR
        if not self._column and self._step >= self._full:
            return self._may_follow(word)
        if word == BAR:  # a pickup
            return self._first and not self._column and self._step > 0
        return self._may_sign(word)

    def _may_follow(self, word: str) -> bool:
        """Tell whether a bar line or the end may come behind a full bar."""
        ends = self._tonic < 0 or self._last_bass % 12 == self._tonic
        if word == "end":
            return not self._region and ends and (self._final or not self._wish.bars)
        return word == BAR and not (self._final and ends)

    def _may_sign(self, word: str) -> bool:
        last_step = self._step >= self._full - 1
        needs_tonic = self._column == _BASS and last_step and self._final and self._tonic >= 0
        if word in PITCHES:
            pitch = PITCHES[word]
            return self._sounds(pitch) and (not needs_tonic or pitch % 12 == self._tonic)
        if word == HOLD:
            held = self._held.get(self._column, -1)
            if not self._sounds(held):
                return False
            return not needs_tonic or held % 12 == self._tonic
        begins = self._first and not self._step and not self._column
        return word == REST and not needs_tonic and not begins
