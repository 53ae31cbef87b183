"""Tagged sentences: a word and its tag a line, a blank line between sentences, as in CoNLL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.data.reading.texts import read_any_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNIVERSAL = 10
"""Columns of CoNLL-U: number, word, lemma, universal part of speech, ..."""
MOST_TAGS = 1_000
_MARKS = frozenset({"#", "-DOCSTART-"})

Sentence = tuple[tuple[str, ...], tuple[str, ...]]
"""Words and their tags."""


@dataclass(frozen=True)
class Tagged:
    """Sentences with a tag a word.

    Attributes:
        sentences: Words and tags of each.
        notes: Sentences without full stop about what was left out.
    """

    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...] = ()


def read_tagged(path: Path) -> Tagged:
    """Read a file of tagged sentences.

    The word is the first column and the tag the last, between tabs or spaces; in CoNLL-U word
    and universal part of speech. Comments (lines that begin with "# ") and -DOCSTART- are skipped.

    Raises:
        DataError: No text, or a line without a tag; the sentence names the line.
    """
    text = read_any_text(path)
    sentences = list[Sentence]()
    words, tags = list[str](), list[str]()
    lines = text.text.split("\n")
    universal = _universal(lines)
    for number, line in enumerate([*lines, ""], 1):
        columns = line.split("\t") if "\t" in line else line.split()
        if not line.strip():
            if words:
                sentences.append((tuple(words), tuple(tags)))
            words, tags = [], []
        elif not _skipped(line, columns, universal):
            word, tag = _pair(path, number, columns, universal)
            words.append(word)
            tags.append(tag)
    return Tagged(tuple(sentences), text.notes)


def _universal(lines: Sequence[str]) -> bool:
    """Tell whether the first line of a sentence looks like CoNLL-U."""
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    columns = first.split("\t")
    return len(columns) == UNIVERSAL and columns[0][:1].isdigit()


def _skipped(line: str, columns: Sequence[str], universal: bool) -> bool:
    comment = columns[0] in _MARKS and not (columns[0] == "#" and "\t" in line)
    return comment or (universal and (line.startswith("#") or not columns[0].isdigit()))


def _pair(path: Path, number: int, columns: Sequence[str], universal: bool) -> tuple[str, str]:
    found = [column.strip() for column in columns]
    wanted = (found[1:2], found[3:4]) if universal else (found[:1], found[1:][-1:])
    word, tag = ("".join(part) for part in wanted)
    if not word or not tag:
        raise DataError(
            f"Line {number:,} of {path.name} has no {'tag' if word else 'word'}",
            f"it reads “{' '.join(found)[:60]}”; a word, a tab and a tag are needed",
            "Mend the line; a blank line stands between sentences",
        )
    return word, tag
