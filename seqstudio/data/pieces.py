"""Where pieces of music come from, and which of them are held out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import accumulate
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError, MusicError
from seqstudio.data.corpora import SHIPPED_BOOK, resolve
from seqstudio.music.collection import Collection, collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from seqstudio.document.settings import DataSettings
    from seqstudio.music.collection import Named, Refused

SMALL_NOTES = 100_000
"""Below this many training notes pieces are transposed unless the settings say otherwise."""


@dataclass(frozen=True)
class MusicSource:
    """Pieces, split.

    Attributes:
        title: Name for people.
        origin: Where they come from and under which licence.
        train: Pieces to learn from, in the order of the source.
        valid: Held-out pieces; none has the notes of a training piece, in any key, unless the
            source itself says what is held out.
        notes: Sentences about what was left out.
    """

    title: str
    origin: str
    train: tuple[Named, ...]
    valid: tuple[Named, ...]
    notes: tuple[str, ...]


def music_source(settings: DataSettings, base: Path | None) -> MusicSource:
    """Read the music that `settings` name; without a path the shipped tunes.

    A source that says which pieces are held out is split as it says; of any other the end is
    held out.

    Raises:
        DataError: There is nothing that can be read, or fewer than two pieces.
    """
    title, origin, found = _collected(settings.path, base)
    divided = _divided(found.scores)
    if divided:
        train, valid, notes = divided
    else:
        pieces, notes = _different(found)
        if len(pieces) < 2:
            raise _too_few(title, found)
        cut = _border([len(each.score.notes) for each in pieces], settings.held_out)
        train, valid = pieces[:cut], pieces[cut:]
    return MusicSource(title, origin, train, valid, (*notes, *_left_out(found)))


def all_pieces(settings: DataSettings, base: Path | None) -> tuple[Named, ...]:
    """Return every piece of the music that `settings` name, without a division.

    Raises:
        DataError: There is nothing that can be read.
    """
    title, _origin, found = _collected(settings.path, base)
    if not found.scores:
        raise _too_few(title, found)
    return found.scores


def is_small(source: MusicSource) -> bool:
    """Return whether there is so little music that it is worth writing it in every key."""
    return sum(len(each.score.notes) for each in source.train) < SMALL_NOTES


def _collected(given: str, base: Path | None) -> tuple[str, str, Collection]:
    if not given:
        return "Traditional tunes", SHIPPED_BOOK, _shipped()
    path = resolve(given, base)
    try:
        return path.name, f"Your file {path}.", collect(path)
    except MusicError as error:
        raise DataError(error.what, error.why, error.hint) from error


@lru_cache(maxsize=1)
def _shipped() -> Collection:
    book = resources.files("seqstudio") / "resources" / "tunes" / "traditional.abc"
    with resources.as_file(book) as path:
        return collect(path)


def _divided(
    pieces: Sequence[Named],
) -> tuple[tuple[Named, ...], tuple[Named, ...], tuple[str, ...]] | None:
    """Split pieces as their file says; None when it says nothing."""
    parts = {part: tuple(each for each in pieces if each.part == part) for part in _PARTS}
    train, valid = parts["train"], parts["valid"]
    if not train or not valid:
        return None
    learnt = {each.music for each in train}
    both = sum(each.music in learnt for each in valid)
    notes = ["The division into parts is that of the file"]
    notes += [f"{both:,} held-out pieces stand in the training part too, in some key"] * bool(both)
    others = len(pieces) - len(train) - len(valid)
    notes += [f"{others:,} pieces of other parts are left alone"] * bool(others)
    return train, valid, tuple(notes)


_PARTS = ("train", "valid")


def _different(found: Collection) -> tuple[tuple[Named, ...], tuple[str, ...]]:
    """Return pieces that differ in more than their key, and a note about the others."""
    by_music: dict[str, Named] = {}
    for piece in found.scores:
        by_music.setdefault(piece.music, piece)
    repeated = len(found.scores) - len(by_music) + len(found.repeated)
    notes = [f"{repeated:,} pieces skipped: same music as an earlier one"] * bool(repeated)
    return tuple(by_music.values()), tuple(notes)


def _left_out(found: Collection) -> list[str]:
    notes = []
    if found.refused:
        reasons = _most_common(_reason(each) for each in found.refused)
        notes.append(f"{len(found.refused):,} refused: {reasons}")
        notes += [f"Refused {each.name}: {each.reason}" for each in found.refused[:8]]
    if found.warnings:
        notes.append(f"{len(found.warnings):,} warnings, the first: {found.warnings[0]}")
    return notes


def _reason(refused: Refused) -> str:
    """Return the reason without the name of a tune or the advice behind it."""
    tune = refused.reason.startswith("tune ")
    return refused.reason.rpartition(": ")[2] if tune else refused.reason.partition(": ")[0]


def _most_common(reasons: Iterable[str]) -> str:
    counts = Counter(reasons).most_common(4)
    return ", ".join(f"{reason} ({count:,})" for reason, count in counts)


def _border(sizes: list[int], held_out: float) -> int:
    """Return how many pieces come before the border, at least one on either side."""
    ends = list(accumulate(sizes))
    target = ends[-1] * (1 - held_out)
    return min(range(1, len(sizes)), key=lambda count: abs(ends[count - 1] - target))


def _too_few(title: str, found: Collection) -> DataError:
    told = "; ".join([found.summary(), *_left_out(found)[:2]])
    return DataError(
        f"{title} has too few pieces to learn from",
        told,
        "Choose an ABC book, MIDI files, or a JSON file of time steps",
    )
