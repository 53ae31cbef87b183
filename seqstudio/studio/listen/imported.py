"""A tune of a MIDI or ABC file as a take, in the coding of the project. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from seqstudio.core.errors import DataError, MusicError
from seqstudio.core.files import read_text
from seqstudio.music.abc import Tune, read_tune, split_book
from seqstudio.music.codings import Coding
from seqstudio.music.midi import open_midi
from seqstudio.music.score import Score
from seqstudio.studio.listen.edited import edited_take
from seqstudio.studio.listen.takes import Take

MIDI = (".mid", ".midi", ".rmi", ".kar")
MUSICXML = (".musicxml", ".mxl")
#: Endings of files that a take can be made of, or that are refused with a reason.
SUFFIXES = (*MIDI, ".abc", *MUSICXML)
_BOOK_BYTES = 64_000_000
_LOOKED_AT = 5_000


@dataclass(frozen=True)
class Opened:
    """What a file holds.

    Attributes:
        path: The file.
        take: Its tune; None for a book of several.
        tunes: How many tunes it has.
        remark: What was read over, a sentence or "".
    """

    path: Path
    take: Take | None
    tunes: int = 1
    remark: str = ""


def holds_music(path: Path) -> bool:
    """Tell from names whether a file is music, or a folder has such files near its top."""
    if not path.is_dir():
        return path.suffix.lower() in {*MIDI, ".abc"}
    try:
        names = islice(path.rglob("*"), _LOOKED_AT)
        return any(name.suffix.lower() in {*MIDI, ".abc"} for name in names)
    except OSError:
        return False


def open_file(path: Path, coding: Coding) -> Opened:
    """Read a dropped file.

    Raises:
        MusicError: It cannot be read, has no notes, or is MusicXML.
    """
    suffix = path.suffix.lower()
    if suffix in MUSICXML:
        raise MusicError(
            f"{path.name} was not opened",
            "MusicXML is written here, not read",
            "Save the piece as MIDI in the program that it comes from",
        )
    if suffix == ".abc":
        return _open_abc(path, coding)
    reading = open_midi(path)
    if not reading.score.notes:
        raise MusicError(f"{path.name} was not opened", "it has no notes", "Choose another file")
    title = reading.score.title or path.stem
    remark = "; ".join(reading.warnings[:3])
    return Opened(path, take_of_score(reading.score, coding, title), 1, remark)


def _open_abc(path: Path, coding: Coding) -> Opened:
    try:
        text = read_text(path, _BOOK_BYTES)
    except DataError as error:
        raise MusicError(error.what, error.why, error.hint) from error
    tunes = split_book(text)
    if len(tunes) > 1:
        return Opened(path, None, len(tunes))
    tune = read_tune(tunes[0].text) if tunes else read_tune(text)
    if tune.broken or not tune.score.notes:
        why = tune.broken or "it has no notes"
        raise MusicError(f"{path.name} was not opened", why, "Choose another file")
    problems = f"{len(tune.problems)} places mean nothing" if tune.problems else ""
    return Opened(path, _take_of_abc(tunes[0].text, tune, coding, path.stem), 1, problems)


def _take_of_abc(text: str, tune: Tune, coding: Coding, name: str) -> Take:
    """Return a tune as it is written where the coding is ABC, else written in the coding."""
    if not coding.opening.startswith("X:"):
        return take_of_score(tune.score, coding, tune.score.title or name)
    whole = text.strip() + "\n"
    given = np.full(len(whole), np.nan)
    read = coding.read(whole)
    return Take(read.score.title or name, whole, len(whole), given, 0, read, None, coding)


def take_of_score(score: Score, coding: Coding, title: str) -> Take:
    """Return a score as a take, its text written in a coding; "" where that cannot hold it."""
    bare = Take(title, "", 0, np.zeros(0), 0, Tune(score, (), {}, ()), None, coding)
    return edited_take(bare, score)
