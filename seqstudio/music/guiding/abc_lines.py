"""A tolerant look at ABC while it is written: fields of the header, and where bars end."""

from __future__ import annotations

import re

_BODY_FIELD = re.compile(r"[IKLMmNPQRrsTUVWwXZ+]:")
_SOUNDS = frozenset("ABCDEFGabcdefgzx")


class Lines:
    """Reads any text, character by character.

    Attributes:
        line: The line so far.
        fields: Values of M, L and K of the tune that goes on.
        in_body: The header is over.
        lines: Lines of the header that are over.
        closed: The last character closed a bar.
        open: The bar that goes on has a note or rest.
        begun: The tune has closed a bar.
    """

    def __init__(self) -> None:
        self._new_tune()

    def _new_tune(self) -> None:
        self.line = ""
        self.fields: dict[str, str] = {}
        self.in_body = self.closed = self.open = self.begun = self._quoted = False
        self.lines = 0

    def read(self, char: str) -> None:
        """Take in the next character."""
        self.closed = False
        if char == "\n":
            self._end_line()
            return
        self.line += char
        if self.line == "X:" and (self.in_body or self.lines):
            self._new_tune()
            self.line = "X:"
        elif self.in_body and not _BODY_FIELD.match(self.line):
            self._music(char)

    def _music(self, char: str) -> None:
        if char == '"':
            self._quoted = not self._quoted
        if self._quoted:
            return
        self.open = self.open or char in _SOUNDS
        if char == "|" and self.open:
            self.closed, self.open, self.begun = True, False, True

    def _end_line(self) -> None:
        if self.line[1:2] == ":" and self.line[0] in "MLK":
            letter, value = self.line[0], self.line[2:].partition("%")[0].strip()
            self.fields[letter] = value
            self.in_body = self.in_body or letter == "K"
        self.line, self._quoted = "", False
        self.lines += not self.in_body
