"""Tunes, lines and tokens of ABC text, shared by the reader and the transposer.

Every pattern has a bounded reach, so that splitting any text takes time linear in its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from seqstudio.music.keys import ALTERS, LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = r"\d{0,9}(?:/\d{1,9}|/{0,9})"

TOKEN = re.compile(
    rf"""
    (?P<space>[\s`\\$]+|y\d{{0,4}})
  | (?P<comment>%.*)
  | (?P<inline>\[[A-Za-z]:[^\]]{{0,200}}\])
  | (?P<ending>\[(?P<ending_numbers>\d[\d,\-]{{0,15}}))
  | (?P<bar>(?P<bar_line>\[\|[|:\]]*|\.?\|[|:\]]*|:+(?:\|[|:\]]*)?)
            (?P<bar_numbers>\d[\d,\-]{{0,15}})?)
  | (?P<bare>[ML]:[ ]?\d{{1,3}}/\d{{1,3}})
  | (?P<chord>\[(?P<members>[^\]|\[]{{1,200}})\](?P<chord_length>{_LENGTH}))
  | (?P<note>(?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-g])(?P<marks>[,']*)
             (?P<length>{_LENGTH}))
  | (?P<rest>(?P<rest_kind>[zxZX])(?P<rest_length>{_LENGTH}))
  | (?P<tuplet>\((?P<p>\d{{1,3}})(?::(?P<q>\d{{0,3}})(?::(?P<r>\d{{0,3}}))?)?)
  | (?P<slur>\.?\(|\))
  | (?P<grace>\{{[^}}]{{0,200}}\}})
  | (?P<text>"[^"]{{0,500}}")
  | (?P<decoration>!(?:f{{1,4}}|\d|(?![A-Ga-gxz\d,'/^_=]+!)[^!\s|"]{{1,30}})!
                  |\+[A-Za-z<>()]{{1,30}}\+)
  | (?P<linebreak>!)
  | (?P<broken>>{{1,9}}|<{{1,9}})
  | (?P<tie>\.?-)
  | (?P<overlay>&)
  | (?P<mark>[.~H-Wh-w])
  | (?P<stray>[\s\S])
    """,
    re.VERBOSE,
)

#: Notes inside a chord or between the braces of grace notes.
MEMBER = re.compile(
    rf"""
    (?P<note>(?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-g])(?P<marks>[,']*)
             (?P<length>{_LENGTH}))
  | (?P<tie>\.?-)
  | (?P<other>![^!\s]{{1,30}}!|"[^"]{{0,200}}"|[\s.~H-Wh-w()/zx])
  | (?P<stray>[\s\S])
    """,
    re.VERBOSE,
)

_BODY_FIELD = re.compile(r"[IKLMmNPQRrsTUVWwXZ+]:")
_HEADER_FIELD = re.compile(r"[A-Za-z+]:")
_TUNE = re.compile(r"^X:", re.MULTILINE)
_MUSIC_AFTER_FIELD = re.compile(r"\s*(?:C\||C|none|[\d+() ]{1,20}/\s*\d{1,3})(?=\s+\S)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a tune.

    Attributes:
        kind: "field", "music", "comment" or "blank".
        start: Offset of the first character, or of the value for a field.
        end: Offset behind the last character.
        letter: Letter of the field, or "".
    """

    kind: str
    start: int
    end: int
    letter: str = ""


def tune_lines(text: str) -> Iterator[Line]:
    """Split a tune into lines; letters count as fields more freely before the first K:."""
    in_body = False
    start = 0
    while start <= len(text):
        stop = text.find("\n", start)
        end = len(text) if stop < 0 else stop
        for line in _classified(text, start, end, in_body):
            in_body = in_body or line.letter == "K"
            yield line
        start = end + 1


def _classified(text: str, start: int, end: int, in_body: bool) -> Iterator[Line]:
    pattern = _BODY_FIELD if in_body else _HEADER_FIELD
    if start == end or text[start:end].isspace():
        yield Line("blank", start, end)
    elif text[start] == "%":
        yield Line("comment", start, end)
    elif pattern.match(text, start, end):
        yield from _field_lines(text, start, end, in_body)
    else:
        yield Line("music", start, end)


def _field_lines(text: str, start: int, end: int, in_body: bool) -> Iterator[Line]:
    # Old collections write music behind a change of metre on the same line: "M:9/8 ABc|".
    letter = text[start]
    inner = _MUSIC_AFTER_FIELD.match(text, start + 2, end) if in_body and letter in "ML" else None
    if inner and text[inner.end() : end].lstrip()[:1] not in ("", "%"):
        yield Line("field", start + 2, inner.end(), letter)
        yield Line("music", inner.end(), end)
    else:
        yield Line("field", start + 2, end, letter)


def tune_starts(text: str) -> list[int]:
    """Return the offsets of the lines that begin with X:."""
    return [match.start() for match in _TUNE.finditer(text)]


@dataclass(frozen=True, slots=True)
class TuneText:
    """The text of one tune of a book.

    Attributes:
        text: From its X: line up to the next one.
        offset: Where it begins in the book, in characters.
        number: Value of X:, None if that is no number.
        title: First T: value, or "".
    """

    text: str
    offset: int
    number: int | None
    title: str


def split_book(text: str) -> list[TuneText]:
    """Split a book at its X: lines.

    Text before the first X: is left out unless it has a K: line of its own. A text without any
    X: is one tune. An empty text has none.
    """
    starts = tune_starts(text)
    head = text[: starts[0]] if starts else text
    if head.strip() and (not starts or re.search(r"^K:", head, re.MULTILINE)):
        starts.insert(0, 0)
    return [_tune_text(text, start, end) for start, end in pairwise([*starts, len(text)])]


def _tune_text(book: str, start: int, end: int) -> TuneText:
    text = book[start:end]
    number = re.match(r"X:\s*(\d{1,9})\b", text)
    title = re.search(r"^T:(.*)$", text, re.MULTILINE)
    return TuneText(
        text, start, int(number[1]) if number else None, title[1].strip() if title else ""
    )


def field_value(text: str, line: Line) -> str:
    """Return the value of a field without its comment."""
    return text[line.start : line.end].split("%", 1)[0].strip()


def written_letter(match: re.Match[str]) -> tuple[int, int, int | None]:
    """Return letter (0 = C), octave (4 from middle C) and written alteration of a note token."""
    letter = match["letter"]
    marks = match["marks"]
    octave = 4 if letter.isupper() else 5
    alter = ALTERS[match["accidental"]] if match["accidental"] else None
    return (
        LETTERS.index(letter.upper()),
        octave + marks.count("'") - marks.count(","),
        alter,
    )


def written_length(text: str) -> Fraction | None:
    """Return the length in unit notes that "3/2", "/", "//" or "2" means; None for zero."""
    whole, slash, divisor = text.partition("/")
    numerator = int(whole or 1)
    if not slash:
        return Fraction(numerator) if numerator else None
    below = int(divisor) if divisor.isdigit() else 2 ** len(slash + divisor)
    return Fraction(numerator, below) if numerator and below else None


def ending_numbers(text: str) -> tuple[int, ...]:
    """Return the passes that "1,3" or "1-3" names, at most sixteen, ascending."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low = int(first or 0)
        high = int(last or low) if dash and last.isdigit() else low
        numbers.update(range(max(low, 1), min(high, 16) + 1))
    return tuple(sorted(numbers))
