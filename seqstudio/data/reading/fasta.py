"""Sequences of bases in FASTA files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.data.reading.texts import read_any_text

if TYPE_CHECKING:
    from pathlib import Path

BASES = "ACGT"
UNKNOWN = "N"
_CODES = frozenset("RYSWKMBDHVN")
"""One letter for several bases (IUPAC-IUB 1984): read as unknown."""


@dataclass(frozen=True)
class Bases:
    """What a file holds.

    Attributes:
        names: Of the records.
        records: In letters A, C, G, T and N, as long as `names`.
        notes: What was replaced.
    """

    names: tuple[str, ...]
    records: tuple[str, ...]
    notes: tuple[str, ...]


def read_fasta(path: Path) -> Bases:
    """Read a FASTA file; T stands for U, N for every letter that means several bases.

    Raises:
        DataError: A letter that means no base (line and column named), or no sequence.
    """
    found = read_any_text(path)
    names: list[str] = []
    parts: list[list[str]] = []
    for number, raw in enumerate(found.text.split("\n"), 1):
        line = raw.strip()
        if line.startswith(">"):
            names.append(line[1:].strip() or f"record {len(names) + 1}")
            parts.append([])
        elif line and not line.startswith(";"):
            if not parts:
                names.append(path.stem)
                parts.append([])
            parts[-1].append(_checked(path.name, number, raw, line))
    records = ["".join(each) for each in parts]
    replaced = sum(map(_several, records))
    kept = [(n, _plain(r)) for n, r in zip(names, records, strict=True) if r]
    if not kept:
        raise DataError(f"{path.name} has no sequence", "no line of letters stands in it")
    notes = list(found.notes)
    gone = sum(
        line.count("-") + line.count("*")
        for line in found.text.split("\n")
        if not line.lstrip().startswith((">", ";"))
    )
    if gone:
        notes.append(f"{gone:,} signs for gaps and stops are left out")
    if replaced:
        notes.append(f"{replaced:,} letters that stand for several bases are read as N")
    return Bases(tuple(n for n, _ in kept), tuple(r for _, r in kept), tuple(notes))


def _several(record: str) -> int:
    return sum(record.count(code) for code in _CODES)


def _plain(record: str) -> str:
    table = {ord(code): UNKNOWN for code in _CODES} | {ord("U"): "T"}
    return record.translate(table)


def _checked(name: str, number: int, raw: str, line: str) -> str:
    upper = line.upper().replace("-", "").replace("*", "").replace(" ", "")
    odd = set(upper) - set(BASES) - _CODES - {"U"}
    if not odd:
        return upper
    at = next(place for place, letter in enumerate(raw) if letter.upper() in odd)
    raise DataError(
        f"{name}, line {number:,}, column {at + 1:,}: “{raw[at]}” is no base",
        "DNA is written in A, C, G, T and N",
        "Choose a FASTA file of DNA or RNA",
    )
