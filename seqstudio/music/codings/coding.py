"""How a score becomes the text that a model reads and writes, and a score again."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from typing_extensions import override

from seqstudio.music.abc import TuneText, read_tune, split_book, write_tune

if TYPE_CHECKING:
    from seqstudio.music.abc import Tune
    from seqstudio.music.score import Score


_MUSIC = re.compile(r"^K:.*\n.*[A-Ga-g]", re.MULTILINE)


class Coding(ABC):
    """One way to write music as tokens; a text is its tokens, nothing between them.

    Attributes:
        title: Name for people.
        token_name: What a token is called, such as "character".
        opening: The text that every piece begins with: a prompt that asks for a new piece.
    """

    title: str
    token_name: str
    opening: str

    @property
    def unit(self) -> str:
        """The unit of the loss; units of different codings never share a chart."""
        return f"nats per {self.token_name}"

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """Cut a text into its tokens; joined they are the text again."""

    @abstractmethod
    def split(self, text: str) -> list[TuneText]:
        """Cut a text into pieces, each from its opening on."""

    @abstractmethod
    def has_music(self, text: str) -> bool:
        """Tell quickly whether a piece goes on behind its header; it may still have no notes."""

    @abstractmethod
    def read(self, text: str) -> Tune:
        """Read one piece; whatever the text, return what can be understood of it.

        Note sources count characters from the beginning of `text`.
        """

    @abstractmethod
    def write(self, score: Score) -> str:
        """Return the piece as text, its closing sign included.

        Raises:
            MusicError: The coding cannot hold this score.
        """


class AbcCharacters(Coding):
    """ABC notation, character by character: what the lectures' music model reads."""

    title = "ABC, by character"
    token_name = "character"
    opening = "X:1\n"

    @override
    def tokens(self, text: str) -> list[str]:
        return list(text)

    @override
    def split(self, text: str) -> list[TuneText]:
        return split_book(text)

    @override
    def has_music(self, text: str) -> bool:
        return _MUSIC.search(text) is not None

    @override
    def read(self, text: str) -> Tune:
        return read_tune(text)

    @override
    def write(self, score: Score) -> str:
        return write_tune(score).rstrip() + "\n\n"
