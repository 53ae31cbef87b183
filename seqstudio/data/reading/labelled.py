"""Texts with a label each: a table, a file for every label, or a folder for every label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqstudio.core.errors import DataError
from seqstudio.data.reading.tables import Table, guess_roles, parse_columns, read_table
from seqstudio.data.reading.texts import read_any_text

MOST_FILES = 100_000
MOST_LABELS = 1_000
_TEXTS = frozenset({".txt", ".text", ".pos", ".neg", ""})
_ABOUT = frozenset({"readme", "source", "license", "licence", "copying", "sha256sums"})


@dataclass(frozen=True)
class Labelled:
    """Texts and their labels.

    Attributes:
        texts: One each, without space around.
        labels: Of the same length.
        notes: Sentences about what was guessed or left out.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_labelled(path: Path, columns: str = "") -> Labelled:
    """Read texts with labels.

    Args:
        path: A table with a column of texts and one of labels; a folder with a text file for
            every label, an example a line; or a folder with a folder for every label, an example
            a file.
        columns: What the columns of a table hold; "" looks.

    Raises:
        DataError: Nothing usable; the sentence names the file and what is missing.
    """
    if not path.is_dir():
        return _of_table(path, columns)
    folders = sorted(each for each in path.iterdir() if each.is_dir() and not _hidden(each))
    found = _of_folders(folders) if folders else _of_files(path)
    if len(set(found.labels)) < 2:
        raise DataError(
            f"{path.name} has no labels to tell apart",
            f"{len(set(found.labels))} found",
            "Make a text file, or a folder, for every label",
        )
    return found


def _of_table(path: Path, columns: str) -> Labelled:
    table = read_table(path)
    roles = parse_columns(columns) if columns else guess_roles(table)
    for role in ("text", "label"):
        if role not in roles:
            _refuse_alike(table)
            names = ", ".join(column.name for column in table.columns[:12])
            raise DataError(
                f"No column of {path.name} looks like the {role}",
                f"its columns are {names}",
                "Name them in the data settings: text=NAME label=NAME",
            )
    text, label = (table.column(roles[role][0]) for role in ("text", "label"))
    rows = [
        (words, kind)
        for words, kind, gone in zip(text.fields, label.fields, label.missing, strict=True)
        if words and not gone
    ]
    notes = [*table.notes, f"Text: column “{text.name}”, label: column “{label.name}”"]
    if len(rows) < len(table):
        notes.append(f"{len(table) - len(rows):,} rows without text or label left out")
    return Labelled(tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(notes))


def _refuse_alike(table: Table) -> None:
    """Say so where the label is there, but the same in every row."""
    for column in table.columns:
        if column.name.lower() == "label" and column.kinds == 1:
            raise DataError(
                f"{table.name} has a single label: “{column.fields[0][:40]}”",
                f"the column “{column.name}” says the same in every row",
                "Add examples of another label, or choose another column",
            )


def _of_files(folder: Path) -> Labelled:
    """Read a text file for every label, an example a line."""
    texts: list[str] = []
    labels: list[str] = []
    notes: list[str] = []
    files = _files(folder)
    alike = len({file.stem for file in files}) < len(files)  # reviews.pos and reviews.neg
    for file in files:
        found = read_any_text(file)
        lines = [line.strip() for line in found.text.split("\n") if line.strip()]
        texts += lines
        labels += [file.suffix.lstrip(".") if alike else file.stem] * len(lines)
        notes += [f"{file.name}: {note}" for note in found.notes]
    return Labelled(tuple(texts), tuple(labels), tuple(notes))


def _of_folders(folders: list[Path]) -> Labelled:
    """Read a folder for every label, an example a file."""
    texts: list[str] = []
    labels: list[str] = []
    for folder in folders:
        for file in _files(folder):
            texts.append(" ".join(read_any_text(file).text.split()))
            labels.append(folder.name)
    return Labelled(tuple(texts), tuple(labels))


def _files(folder: Path) -> list[Path]:
    files = [each for each in sorted(folder.iterdir()) if _usable(each)]
    if len(files) > MOST_FILES:
        raise DataError(
            f"{folder.name} has too many files", f"{len(files):,}, {MOST_FILES:,} are read"
        )
    return files


def _usable(file: Path) -> bool:
    about = file.stem.lower() in _ABOUT
    return file.is_file() and not _hidden(file) and not about and file.suffix.lower() in _TEXTS


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")
