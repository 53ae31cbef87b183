"""One way in for any file or folder: what it is, why, and which models can learn from it.

Only beginnings are read, so the answer comes at once; a column that changes its mind after a
million rows is refused later, with its line, by the reader itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.core.errors import DataError
from seqstudio.data.reading.heads import MOST_NAMES, list_folder, read_head
from seqstudio.data.reading.shapes import Guess, Shape, guesses_of_file, guesses_of_folder
from seqstudio.document.settings import DataSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from seqstudio.blocks.templates import Template
    from seqstudio.data.reading.tables import Table
    from seqstudio.document.project import Project

KINDS_OF: Mapping[Shape, tuple[str, ...]] = {
    "text": ("text", "masked"),
    "labelled": ("sentences",),
    "series": ("series",),
    "measures": ("table",),
    "pixels": ("digits", "digit-rows", "digit-pixels", "table"),
    "pairs": ("pairs",),
    "tagged": ("tagged",),
    "abc": ("abc", "abc-tokens", "events", "voices", "frames"),
    "midi": ("events", "voices", "frames", "abc-tokens", "abc"),
    "chorales": ("voices", "frames", "events"),
    "sound": ("audio", "series"),
    "bases": ("dna", "islands"),
    "pictures": ("digits", "digit-rows", "digit-pixels"),
    "captioned": ("captions",),
    "clips": ("clips",),
}
"""Kinds of data that read a shape, the most usual first; one that is not there yet is left out."""

_FIRST: Mapping[Shape, tuple[str, ...]] = {
    "text": ("char-lstm",),
    "labelled": ("sentiment-lstm",),
    "series": ("forecast-lstm",),
    "pairs": ("translate-attention",),
    "abc": ("abc-lstm",),
    "midi": ("events-gpt",),
    "chorales": ("chorale-lstm",),
}
_SHORT = 24
"""Texts of fewer characters are names or words: they are read letter by letter."""


@dataclass(frozen=True)
class Found:
    """What a file or folder is.

    Attributes:
        kind: Kind of data, a choice of the data settings; "" where it cannot be told.
        title: The same for people.
        reasons: What speaks for it, sentences without full stop.
        columns: What the columns hold, as the data settings say it.
        templates: Ids of the templates that learn from it, the one to try first in front.
        notes: What else was seen: encoding, separator, what was left out.
        others: The other possibilities, the likelier first.
        table: The rows at its beginning, where it is a table.
    """

    kind: str
    title: str
    reasons: tuple[str, ...]
    columns: str = ""
    templates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[Found, ...] = ()
    table: Table | None = None

    @property
    def told(self) -> bool:
        """Whether it could be told what it is."""
        return bool(self.kind)

    @property
    def all(self) -> tuple[Found, ...]:
        """All possibilities, this one first; none where it cannot be told."""
        return (self, *self.others) if self.told else ()

    def error(self) -> DataError:
        """Return why nothing can be learnt from it."""
        why, hint = (*self.reasons, "", "")[:2]
        return DataError(self.title, why, hint)


def find(path: Path) -> Found:
    """Find out what a file or folder is, from its beginning.

    What is no data at all is not an error here: `Found.kind` is "" and the reasons say why.
    """
    try:
        guesses, notes = _guesses(path)
    except DataError as error:
        return _unknown(error)
    found = [each for guess in guesses if (each := _with_templates(guess, notes)) is not None]
    if not found:
        return _unknown(_nothing_fits(path, guesses))
    first, *others = found
    return Found(
        first.kind, first.title, first.reasons, first.columns, first.templates, first.notes,
        tuple(others), first.table,
    )  # fmt: skip


def project_for(found: Found, template: str, path: str) -> Project:
    """Return the project of a template on a file that was found out.

    Args:
        found: What the file is.
        template: One of its templates.
        path: As the project keeps it.
    """
    project = make(template, path)
    if found.columns and "columns" not in project.data.idle():
        project = replace(project, data=project.data.with_value("columns", found.columns))
    return project


def _guesses(path: Path) -> tuple[list[Guess], tuple[str, ...]]:
    if path.is_dir():
        names = list_folder(path)
        guesses = guesses_of_folder(names, path)
        return guesses, ("Only a part of the names was looked at",) if len(
            names
        ) >= MOST_NAMES else ()
    head = read_head(path)
    guesses = guesses_of_file(head)
    notes = [f"{head.size:,} bytes"]
    if guesses[-1].shape == "text":
        text = head.text()
        notes += [f"Encoding: {text.encoding}", *text.notes]
    return guesses, tuple(notes)


def _with_templates(guess: Guess, notes: tuple[str, ...]) -> Found | None:
    kinds = [kind for kind in KINDS_OF[guess.shape] if kind in _takes_files()]
    ids = [each.id for kind in kinds for each in TEMPLATES.values() if _kind(each) == kind]
    ids.sort(key=lambda name: name not in _first(guess))
    if not ids:
        return None
    kind = _kind(TEMPLATES[ids[0]])
    if guess.table is not None:
        notes = (*notes, f"Separator: {_separator(guess.table)}", *guess.table.notes)
    return Found(
        kind, guess.title, guess.reasons, guess.columns, tuple(ids), tuple(dict.fromkeys(notes)),
        table=guess.table,
    )  # fmt: skip


def _first(guess: Guess) -> tuple[str, ...]:
    """Return the templates to try first."""
    if guess.shape == "labelled" and guess.table is not None and _text_length(guess) < _SHORT:
        return ("names-gru",) if "names-gru" in TEMPLATES else _FIRST["labelled"]
    return _FIRST.get(guess.shape, ())


def _text_length(guess: Guess) -> float:
    """Return the mean length of the texts of a table, in characters."""
    assert guess.table is not None
    lengths = [
        sum(map(len, column.fields[:500])) / len(column.fields[:500])
        for column in guess.table.columns
    ]
    return max(lengths)


def _takes_files() -> frozenset[str]:
    kinds = (str(choice) for choice, _ in DataSettings.param("kind").choices)
    return frozenset(kind for kind in kinds if DataSettings(kind=kind).takes_file)


def _kind(template: Template) -> str:
    return str(template.data.get("kind", "text"))


def _separator(table: Table) -> str:
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    return names.get(table.delimiter, table.delimiter)


def _nothing_fits(path: Path, guesses: list[Guess]) -> DataError:
    if guesses:
        return DataError(
            f"No model here learns from {path.name}", f"it looks like: {guesses[0].title.lower()}"
        )
    return DataError(
        f"It cannot be told what {path.name} is",
        "no texts, pictures, tunes or sounds were found in it",
        "Open a text, a table, a tune, a sound, or a folder with a folder for every class",
    )


def _unknown(error: DataError) -> Found:
    reasons = tuple(part for part in (error.why, error.hint) if part)
    return Found("", error.what, reasons)
