"""Corpora: texts and books of tunes in numbers, with their end held out."""

from __future__ import annotations

import math
import platform
import sysconfig
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.core.errors import DataError
from seqstudio.core.files import read_text
from seqstudio.data import tunebook
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.texts import read_any_text
from seqstudio.data.reading.tokenized import spelling_nats, tokenized
from seqstudio.data.reading.tokens import Words
from seqstudio.music.abc import write_tune
from seqstudio.music.collection import kind_of

if TYPE_CHECKING:
    from seqstudio.document.settings import DataSettings

SHORTEST = 2_000
"""Fewest characters of a text worth learning from."""

# Long, plain-Python modules that Python 3.11 to 3.13 have in common, about 1.1 MB. The order is
# part of the corpus: the last tenth is held out.
LIBRARY = (
    "argparse", "ast", "calendar", "codecs", "configparser", "contextlib", "csv", "dataclasses",
    "difflib", "enum", "fractions", "functools", "gzip", "heapq", "ipaddress", "optparse",
    "random", "shutil", "socket", "statistics", "subprocess", "tempfile", "textwrap", "threading",
    "tokenize", "traceback", "weakref",
)  # fmt: skip
_LIBRARY_LEAST = 300_000

SHIPPED_BOOK = "Traditional tunes in the public domain, shipped with SeqStudio."


def resolve(path: str, base: Path | None) -> Path:
    """Return where `path` lies; relative paths start from the project's folder `base`."""
    given = Path(path)
    return given if base is None else base / given


def text_dataset(
    title: str,
    origin: str,
    text: str,
    cut: int,
    notes: tuple[str, ...] = (),
    *,
    tokens: str = "characters",
    symbols: int = 0,
) -> Dataset:
    """Number a text and hold out what comes after the first `cut` characters.

    Args:
        title: Name for people.
        origin: Where it comes from and under which licence.
        text: All of it.
        cut: Characters to learn from.
        notes: About what was left out or changed.
        tokens: "characters", "words" or "pieces"; "auto" takes characters.
        symbols: Most words or pieces.

    Raises:
        DataError: Too many different characters, or too few words.
    """
    found = tokenized(text, cut, tokens, symbols)
    return Dataset(
        title=title,
        origin=origin,
        pattern="next token",
        input="ids",
        vocabulary=found.vocabulary,
        unit=f"nats per {found.token_name}",
        token_name=found.token_name,
        chance=math.log(len(found.vocabulary)),
        content_hash=found.content_hash,
        train=found.train,
        valid=found.valid,
        notes=(*notes, *found.notes),
        characters=found.characters,
        spelling=found.spelling,
    )


def in_tokens_of(dataset: Dataset, text: str) -> tuple[Dataset, int]:
    """Return a text as the held-out part of `dataset`, in its tokens, and what is not known.

    Args:
        dataset: A text.
        text: Another one.

    Returns:
        The data, and how many characters were left out, or words read as one sign.
    """
    vocabulary = dataset.vocabulary
    assert vocabulary is not None
    ids = vocabulary.encode(text, skip_unknown=True)
    if not dataset.characters:
        return replace(dataset, valid=ids), len(text) - len(ids)
    rare = vocabulary.rare_words(text) if isinstance(vocabulary, Words) else []
    spelling = spelling_nats(vocabulary.decode(dataset.train), rare) if rare else 0.0
    return replace(dataset, valid=ids, characters=len(text), spelling=spelling), len(rare)


def open_text(settings: DataSettings, base: Path | None) -> Dataset:
    """Open a text file, or without a path the built-in text.

    Raises:
        DataError: The file is missing, empty, no text, too short or of too many symbols.
    """
    if not settings.path:
        title, origin, text, notes = _library_text()
    else:
        path = resolve(settings.path, base)
        found = read_any_text(path)
        title, origin, text, notes = path.name, f"Your file {path}.", found.text, found.notes
        del found
    _check_long_enough(title, text)
    cut = int(len(text) * (1 - settings.held_out))
    return text_dataset(
        title, origin, text, cut, notes, tokens=settings.tokens, symbols=settings.symbols
    )


def _library_text() -> tuple[str, str, str, tuple[str, ...]]:
    """Read the sources of Python's own library: always at hand, real, and of a known licence."""
    folder = Path(sysconfig.get_path("stdlib"))
    present = [name for name in LIBRARY if (folder / f"{name}.py").is_file()]
    text = "\n\n".join(read_text(folder / f"{name}.py") for name in present)
    if len(text) < _LIBRARY_LEAST:
        raise DataError(
            "The built-in text is not on this computer",
            f"it is made of Python's own sources, and {folder} does not hold them",
            "Choose a text file of your own",
        )
    notes = []
    if len(present) < len(LIBRARY):
        absent = ", ".join(name for name in LIBRARY if name not in present)
        notes.append(f"Modules not on this computer: {absent}")
    plain = text.encode("ascii", "replace").decode("ascii")
    replaced = sum(1 for symbol in text if symbol > "\x7f")
    if replaced:
        notes.append(f'{replaced:,} characters outside ASCII became "?"')
    origin = (
        f"{len(present)} modules of the standard library of Python {platform.python_version()} "
        "on this computer; Python Software Foundation licence."
    )
    return "Python's standard library", origin, plain, tuple(notes)


def open_tunes(settings: DataSettings, base: Path | None) -> Dataset:
    """Open a book of tunes in ABC, or without a path the shipped one, as a text.

    Raises:
        DataError: The file is no good, or holds too few usable tunes.
    """
    if not is_book(settings.path, base):
        return _open_other_music(settings, base)
    title, origin, text = read_book(settings.path, base)
    book = tunebook.split(text, settings.held_out, title)
    train, notes = tunebook.join(book.train), book.notes
    if transposes(settings, text):
        train = tunebook.in_all_keys(book.train)
        notes = ("Training tunes written in all twelve keys", *notes)
    _check_long_enough(title, train)
    tunes = f"Tunes: {len(book.train):,} to learn, {len(book.valid):,} held out"
    text = train + tunebook.join(book.valid)
    return text_dataset(title, origin, text, len(train), (tunes, *notes))


def _open_other_music(settings: DataSettings, base: Path | None) -> Dataset:
    """Write folders, MIDI files and lists of time steps as tunes in ABC, by character."""
    from seqstudio.data.pieces import music_source  # it names the shipped book of this file

    source = music_source(settings, base)
    written = [
        tuple(each.text.strip() or write_tune(each.score) for each in part)
        for part in (source.train, source.valid)
    ]
    train, valid = (tunebook.join(tunes) for tunes in written)
    notes = source.notes
    if transposes(settings, train):
        train = tunebook.in_all_keys(written[0])
        notes = ("Training tunes written in all twelve keys", *notes)
    _check_long_enough(source.title, train)
    tunes = f"Tunes: {len(written[0]):,} to learn, {len(written[1]):,} held out"
    return text_dataset(source.title, source.origin, train + valid, len(train), (tunes, *notes))


def is_book(given: str, base: Path | None) -> bool:
    """Return whether a path is that of a text, so of a book in ABC; "" is the shipped one."""
    if not given:
        return True
    path = resolve(given, base)
    if path.is_dir():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return True  # reading it as a book says what is wrong
    return kind_of(head, path.name) not in ("midi", "grid")


def transposes(settings: DataSettings, text: str) -> bool:
    """Return whether the training tunes of a book are written in all twelve keys."""
    small = len(text) < tunebook.SMALL_BOOK
    return settings.transpose == "on" or (settings.transpose == "auto" and small)


def read_book(given: str, base: Path | None) -> tuple[str, str, str]:
    """Return title, origin and text of a book of tunes; "" is the shipped one.

    Raises:
        DataError: The file is missing or no text.
    """
    if given:
        path = resolve(given, base)
        return path.name, f"Your file {path}.", read_text(path)
    shipped = resources.files("seqstudio") / "resources" / "tunes" / "traditional.abc"
    with resources.as_file(shipped) as path:
        return "Traditional tunes", SHIPPED_BOOK, read_text(path)


def _check_long_enough(title: str, text: str) -> None:
    if len(text) < SHORTEST:
        raise DataError(
            f"{title} is too short to learn from",
            f"it has {len(text):,} characters, at least {SHORTEST:,} are needed",
            "Choose a longer one",
        )
