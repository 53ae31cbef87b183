"""Patterns that a unit of a model may follow in a text: quotes, comments, brackets, lines, words.

The value at a place says what is so once its character has been read, so that it belongs to the
state after that character: 1 from an opening quotation mark on, 0 again from the closing one.
Pure numpy.

Shape legend: T = tokens.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from seqstudio.music import patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

Kind = Literal["binary", "graded", "class"]

OPEN, CLOSE = "([{", ")]}"
TAB = 4
"""Columns that a tab counts for in an indentation."""
_PAIRS = {"“": "”", "«": "»", "„": "“"}
_C_WORDS = re.findall(
    r"\w+",
    "auto break case char class const continue default do double else enum extern float for "
    "function goto if int let long new private public register return short signed sizeof static "
    "struct switch this typedef union unsigned var void volatile while",
)
_KEYWORDS = frozenset([*keyword.kwlist, *_C_WORDS])
_PREFIX = re.compile(r"(?<![A-Za-z0-9_])[rbfuRBFU]{1,2}$")
_C_LINE = re.compile(r"[;{}]\s*$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_IF = re.compile(r"^[ \t]*(?:\}[ \t]*)?(?:else[ \t]+)?(if|elif)\b", re.MULTILINE)


@dataclass(frozen=True)
class Feature:
    """A pattern with a name.

    Attributes:
        name: Short name for code and files.
        title: What a person reads.
        words: The definition in a sentence.
        kind: "binary" is 0 or 1, "graded" a number, "class" a number that only names a class.
        compute: Values (len(text),) of a text, NaN where the pattern is not defined.
    """

    name: str
    title: str
    words: str
    kind: Kind
    compute: Callable[[str], Values]

    def of(self, tokens: Sequence[str]) -> Values:
        """Return the values (T,) of a sequence of tokens; a long token has that of its end."""
        text, ends = joined(tokens)
        return self.compute(text)[ends] if text else np.zeros(0)


def joined(tokens: Sequence[str]) -> tuple[str, NDArray[np.int64]]:
    """Return the text of tokens and the place of the last character of each, (T,).

    Words, which have no white space of their own, get a space between them.
    """
    sizes = np.array([len(token) for token in tokens], np.int64)
    if sizes.max(initial=1) > 1 and not any(token[-1:].isspace() for token in tokens):
        return " ".join(tokens), np.cumsum(sizes + 1) - 2
    return "".join(tokens), np.cumsum(sizes) - 1


# ------------------------------------------------------------------------------- scanning


@dataclass(frozen=True)
class Scan:
    """What one pass over a text finds; all arrays (len(text),).

    Attributes:
        quote: Inside quotes.
        comment: Inside a comment.
        depth: Brackets open, those in quotes and comments aside.
        inner: Kind of the innermost open bracket: 0 none, 1 round, 2 square, 3 curly.
    """

    quote: NDArray[np.bool_]
    comment: NDArray[np.bool_]
    depth: NDArray[np.int64]
    inner: NDArray[np.int64]


def is_c_like(text: str) -> bool:
    """Tell whether lines end as in C: then // and /* */ begin comments, and # does not."""
    return "/*" in text or 4 * len(_C_LINE.findall(text)) > text.count("\n") + 1


@lru_cache(maxsize=2)
def scan(text: str) -> Scan:
    """Find quotes, comments and brackets in prose, Python or a language like C.

    A quotation mark that is never closed before an empty line, or an apostrophe that is not
    closed in its line, opens nothing.
    """
    quote, comment = np.zeros((2, len(text)), bool)
    for start, end, is_quote in _spans(text):
        (quote if is_quote else comment)[start:end] = True
    depth, inner = _brackets(text, quote | comment)
    return Scan(quote, comment, depth, inner)


def _spans(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, whether it is a quote) of quotes and comments, in order."""
    c_like, at = is_c_like(text), 0
    while at < len(text):
        end = _comment_end(text, at, c_like)
        if end > at:
            yield at, end, False
        else:
            end = _quote_end(text, at)
            if end > at:
                yield at, end, True
        at = max(at, end) + 1


def _comment_end(text: str, at: int, c_like: bool) -> int:
    """Return where a comment that begins here ends, `at` itself where none begins."""
    if c_like and text.startswith("/*", at):
        found = text.find("*/", at + 2)
        return len(text) if found < 0 else found + 1
    if text.startswith("//", at) if c_like else text[at] == "#":
        found = text.find("\n", at)
        return len(text) if found < 0 else found
    return at


def _quote_end(text: str, at: int) -> int:
    """Return the place of the closing mark of a quote that begins here, `at` without one."""
    sign = text[at]
    if sign in _PAIRS:
        return _before_blank(text, at, text.find(_PAIRS[sign], at + 1))
    if sign not in "\"'":
        return at
    if text.startswith(sign * 3, at):
        found = text.find(sign * 3, at + 3)
        return len(text) if found < 0 else found + 2
    if sign == '"':
        return _before_blank(text, at, _closing(text, at, sign, len(text)))
    before = text[max(0, at - 3) : at]
    if before[-1:].isalnum() and not _PREFIX.search(before):
        return at
    line = text.find("\n", at)
    found = _closing(text, at, sign, len(text) if line < 0 else line)
    return at if found < 0 else found


def _closing(text: str, at: int, sign: str, limit: int) -> int:
    """Return the next mark that is neither escaped nor an apostrophe in a word; -1 for none."""
    place = at + 1
    while place < limit:
        if text[place] == "\\":
            place += 1
        elif text[place] == sign:
            inside = text[place - 1].isalnum() and text[place + 1 : place + 2].isalnum()
            if not (sign == "'" and inside):
                return place
        place += 1
    return -1


def _before_blank(text: str, at: int, found: int) -> int:
    """Return the closing mark, or `at` when an empty line comes first."""
    blank = _BLANK_LINE.search(text, at)
    end = len(text) if blank is None else blank.start()
    if found < 0:
        return len(text) if blank is None else at
    return found if found < end else at


def _brackets(text: str, hidden: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    depth, inner = np.zeros((2, len(text)), np.int64)
    stack: list[int] = []
    for at, sign in enumerate(text):
        if sign in OPEN and not hidden[at]:
            stack.append(OPEN.index(sign) + 1)
        elif sign in CLOSE and not hidden[at] and stack:
            stack.pop()
        depth[at] = len(stack)
        inner[at] = stack[-1] if stack else 0
    return depth, inner


# ------------------------------------------------------------------------------- patterns


def _quote(text: str) -> Values:
    return scan(text).quote.astype(float)


def _comment(text: str) -> Values:
    return scan(text).comment.astype(float)


def _depth(text: str) -> Values:
    return scan(text).depth.astype(float)


def _inner(text: str) -> Values:
    return scan(text).inner.astype(float)


def _column(text: str) -> Values:
    places = np.arange(len(text))
    breaks = np.where(_is(text, "\n"), places, -1)
    values: Values = (places - np.maximum.accumulate(breaks)).astype(float)
    return values


def _indentation(text: str) -> Values:
    values, columns, leading = np.zeros(len(text)), 0, True
    for at, sign in enumerate(text):
        if sign == "\n":
            columns, leading = 0, True
        elif leading and sign in " \t":
            columns += 1 if sign == " " else TAB
        else:
            leading = False
        values[at] = columns
    return values


def _after_newline(text: str) -> Values:
    return _is(text, "\n").astype(float)


def _line_start(text: str) -> Values:
    return _by_match(text, r"(?m)^[ \t]*\n|^[ \t]+|\n")


def _keyword(text: str) -> Values:
    found, values = scan(text), np.zeros(len(text))
    hidden = found.quote | found.comment
    for match in re.finditer(r"[A-Za-z_]\w*", text):
        if match[0] in _KEYWORDS and not hidden[match.start()]:
            values[match.start() : match.end()] = 1
    return values


def _if_statement(text: str) -> Values:
    found, values = scan(text), np.zeros(len(text))
    hidden = found.quote | found.comment
    for match in _IF.finditer(text):
        if not hidden[match.start(1)]:
            values[match.start(1) : _condition_end(text, match.end(1), found, hidden)] = 1
    return values


def _condition_end(text: str, start: int, found: Scan, hidden: NDArray[np.bool_]) -> int:
    """Return where a condition ends: its colon, in C its last parenthesis, or its line."""
    base = int(found.depth[start - 1])
    in_c = is_c_like(text) and text[start:].lstrip(" \t")[:1] == "("
    opened = False
    for at in range(start, len(text)):
        level = int(found.depth[at])
        opened = opened or level > base
        if level > base or hidden[at]:
            continue
        if text[at] in ":\n" or level < base or (in_c and opened):
            return at
    return len(text)


def _word_start(text: str) -> Values:
    return _by_match(text, r"(?<!\w)\w")


def _vowel(text: str) -> Values:
    return _by_match(text, r"[aeiouAEIOU]")


def _capital(text: str) -> Values:
    return _by_match(text, r"[^\W\d_a-z]")


def _digit(text: str) -> Values:
    return _by_match(text, r"\d")


def _space(text: str) -> Values:
    return _is(text, " ").astype(float)


def _is(text: str, sign: str) -> NDArray[np.bool_]:
    return np.array([each == sign for each in text], bool)


def _by_match(text: str, pattern: str) -> Values:
    values = np.zeros(len(text))
    for match in re.finditer(pattern, text):
        values[match.start() : match.end()] = 1
    return values


FEATURES = (
    Feature("quote", "inside quotes", "from an opening quotation mark to before the closing one",
            "binary", _quote),
    Feature("comment", "inside a comment",
            "from # to the end of the line; in languages like C from // or /* on", "binary",
            _comment),
    Feature("depth", "bracket depth",
            "round, square and curly brackets that are open, those in quotes and comments aside",
            "graded", _depth),
    Feature("bracket", "open bracket", "kind of the innermost open bracket: none, (, [ or {",
            "class", _inner),
    Feature("indentation", "indentation",
            f"blanks at the start of the line so far; a tab counts {TAB}", "graded",
            _indentation),
    Feature("column", "position in line", "characters since the last line break", "graded",
            _column),
    Feature("newline", "after a new line", "the character just read is a line break", "binary",
            _after_newline),
    Feature("line-start", "start of a line", "nothing but blanks since the last line break",
            "binary", _line_start),
    Feature("keyword", "syntax keyword",
            "letters of a keyword of Python or C, outside quotes and comments", "binary",
            _keyword),
    Feature("if", "if statement",
            "from if or elif to the end of its condition: the colon, or in C the parenthesis",
            "binary", _if_statement),
    Feature("word-start", "start of a word", "a letter, digit or _ after none", "binary",
            _word_start),
    Feature("vowel", "vowel", "a, e, i, o or u", "binary", _vowel),
    Feature("capital", "capital letter", "a letter that is not a small one", "binary", _capital),
    Feature("digit", "digit", "a digit", "binary", _digit),
    Feature("space", "space", "a space", "binary", _space),
)  # fmt: skip
"""Patterns of prose and code."""

MUSIC = (
    Feature("bar", "position in bar",
            "where in its bar the last note began, as a share of the bar", "graded",
            patterns.bar_position),
    Feature("pitch", "pitch", "pitch of the last note in semitones", "graded", patterns.pitch),
    Feature("pitch-class", "pitch class",
            "C to B without its octave, of the last note, key signature applied", "class",
            patterns.pitch_class),
    Feature("phrase-end", "end of a phrase", "the last bar of a line of music", "binary",
            patterns.phrase_end),
    Feature("bar-line", "bar line", "the signs of a bar line", "binary", patterns.bar_line),
    Feature("chord", "inside a chord", "notes that sound together, from [ to before ]", "binary",
            patterns.in_chord),
    Feature("symbol", "chord symbol", 'a name of a chord in quotes, such as "Am"', "binary",
            patterns.in_symbol),
    Feature("field", "header line", "a line of a field, such as T: or K:", "binary",
            patterns.in_field),
    *(feature for feature in FEATURES if feature.name in {"newline", "column", "digit"}),
)  # fmt: skip
"""Patterns of tunes in ABC."""
