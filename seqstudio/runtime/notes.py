"""What a person writes about a run: notes and tags, in a small file in its folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seqstudio.core.errors import SeqError
from seqstudio.core.files import read_bytes, write_atomic

NOTES = "notes.json"
LIMIT_BYTES = 1_000_000
LIMIT_NOTES = 100_000
LIMIT_TAGS = 50
LIMIT_TAG = 60


@dataclass(frozen=True)
class RunNotes:
    """A person's own words about a run.

    Attributes:
        text: Free text.
        tags: Short words to find it by, each once, in order.
    """

    text: str = ""
    tags: tuple[str, ...] = ()


def load_notes(folder: Path) -> RunNotes:
    """Return the notes of a run; none when there is no file, or it is damaged."""
    try:
        content = json.loads(read_bytes(folder / NOTES, LIMIT_BYTES))
        tags = [str(tag) for tag in content.get("tags", [])]
        return RunNotes(str(content.get("text", ""))[:LIMIT_NOTES], clean_tags(tags))
    except (SeqError, ValueError, TypeError, AttributeError, RecursionError):
        return RunNotes()


def save_notes(folder: Path, notes: RunNotes) -> None:
    """Keep the notes of a run.

    Raises:
        StorageError: The folder cannot be written; the old notes stay.
    """
    content = {"text": notes.text[:LIMIT_NOTES], "tags": list(clean_tags(notes.tags))}
    write_atomic(folder / NOTES, json.dumps(content, indent=1).encode("utf-8"))


def clean_tags(words: Iterable[str]) -> tuple[str, ...]:
    """Return tags as they are kept: no commas, no space around them, each once."""
    parts = (part.strip() for word in words for part in word.split(","))
    return tuple(dict.fromkeys(part[:LIMIT_TAG] for part in parts if part))[:LIMIT_TAGS]
