"""A text made for looking at cells: talk in wrapped lines, and programs with nested conditions.

What the lectures found in novels and in the sources of Linux has to be remembered here too, to
say what comes next: whether a quotation is open, how far the line has got, whether a condition
goes on, how deep brackets and blocks are. Pure and seeded: the same text everywhere.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from seqstudio.data.corpora import text_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from seqstudio.data.dataset import Dataset
    from seqstudio.document.settings import DataSettings

T = TypeVar("T")
COLUMNS = 60
LEARNT, HELD_OUT = 400_000, 40_000
"""Characters of the two parts, at least."""
DEEPEST = 4
_SETTING = re.findall(
    r"\w+",
    "and but then when where here there once never still almost again because before after old "
    "young small great dark bright cold warm quiet house river garden window street morning "
    "evening winter summer child friend stranger letter hand door table lamp road hill boat song "
    "story bread water",
)
_TOLD = re.findall(
    r"\w+",
    "came went saw heard said asked found lost took gave kept opened closed walked waited looked "
    "turned answered remembered she he they his her their was were had",
)
_SPOKEN = re.findall(
    r"\w+",
    "come go see hear say ask find lose take give keep open close walk wait look turn answer "
    "remember I you we my your our am are have will",
)
_NAMES = ("item", "count", "total", "first", "last", "node", "size", "key", "left", "right")
_CALLS = ("find", "make", "check", "join", "split", "push", "pull", "mark", "read", "send")
_TESTS = ("==", "!=", "<", ">", "<=", ">=", "in", "is")


class _Writer:
    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def page(self) -> str:
        """Return a paragraph of talk and a function."""
        return f"{self.paragraph()}\n\n{self.function()}\n\n"

    # Talk

    def paragraph(self) -> str:
        sentences = [self._sentence() for _ in range(self._rng.integers(3, 7))]
        return textwrap.fill(" ".join(sentences), COLUMNS)

    def _sentence(self) -> str:
        if self._rng.random() < 0.5:
            return f"{self._words(4, 20, _TOLD).capitalize()}."
        said = self._words(4, 24, _SPOKEN)
        return f'"{said[0].upper()}{said[1:]}," {self._one(("she", "he", "they"))} said.'

    def _words(self, low: int, high: int, verbs: Sequence[str]) -> str:
        chosen = [self._one((_SETTING, verbs)) for _ in range(self._rng.integers(low, high + 1))]
        words = [self._one(words) for words in chosen]
        return "".join(
            word if n == 0 else f", {word}" if self._rng.random() < 0.15 else f" {word}"
            for n, word in enumerate(words)
        )

    # Programs

    def function(self) -> str:
        names = ", ".join(self._several(_NAMES, 1, 3))
        return "\n".join([f"def {self._one(_CALLS)}({names}):", *self._block(1)])

    def _block(self, depth: int) -> list[str]:
        lines = [line for _ in range(self._rng.integers(1, 4)) for line in self._statement(depth)]
        return [*lines, f"{_indent(depth)}return {self._value(1)}"] if depth == 1 else lines

    def _statement(self, depth: int) -> list[str]:
        indent, chance = _indent(depth), self._rng.random()
        if depth < DEEPEST and chance < 0.45:
            return [f"{indent}if {self._condition()}:", *self._block(depth + 1)]
        if depth < DEEPEST and chance < 0.55:
            loop = f"{indent}for {self._one(_NAMES)} in {self._value(1)}:"
            return [loop, *self._block(depth + 1)]
        line = f"{indent}{self._one(_NAMES)} = {self._value(2)}"
        return [f"{indent}# {self._words(3, 6, _SPOKEN)}", line] if chance < 0.65 else [line]

    def _condition(self) -> str:
        parts = [
            f"{self._value(1)} {self._one(_TESTS)} {self._value(1)}"
            for _ in range(self._rng.integers(1, 4))
        ]
        return self._one((" and ", " or ")).join(parts)

    def _value(self, deeper: int) -> str:
        chance = self._rng.random()
        if deeper and chance < 0.5:
            parts = [self._value(deeper - 1) for _ in range(self._rng.integers(1, 4))]
            return f"{self._one(_CALLS)}({', '.join(parts)})"
        return self._one(_NAMES) if chance < 0.9 else str(self._rng.integers(0, 100))

    def _several(self, words: Sequence[str], low: int, high: int) -> list[str]:
        return [self._one(words) for _ in range(self._rng.integers(low, high + 1))]

    def _one(self, words: Sequence[T]) -> T:
        return words[int(self._rng.integers(len(words)))]


def _indent(depth: int) -> str:
    return "    " * depth


@lru_cache(maxsize=4)
def programs_and_talk(characters: int, seed: int = 0) -> str:
    """Return a text of at least so many characters, the same for the same seed."""
    writer, pages, size = _Writer(seed), [], 0
    while size < characters:
        pages.append(writer.page())
        size += len(pages[-1])
    return "".join(pages)


def open_programs(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the text; what is held out has a seed of its own."""
    del settings, base
    learnt, held_out = programs_and_talk(LEARNT, 0), programs_and_talk(HELD_OUT, 1)
    return text_dataset(
        "Programs and talk",
        "Written by this program: talk in wrapped lines, and programs with nested conditions.",
        learnt + held_out,
        len(learnt),
    )
