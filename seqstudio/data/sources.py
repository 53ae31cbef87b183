"""Opening the corpus or task that a project names."""

from __future__ import annotations

import hashlib
import math
import platform
import sysconfig
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.core.files import read_text
from seqstudio.data import tunebook
from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks import CUES, HELLO, RECALL, AddingTask, HelloTask, RecallTask
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

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

_SHIPPED_BOOK = "Traditional tunes in the public domain, shipped with SeqStudio."


def open_dataset(settings: DataSettings, base: Path | None = None) -> Dataset:
    """Open what `settings` name.

    Args:
        settings: The project's data settings.
        base: The project's folder, which relative paths start from; None before the first save.

    Raises:
        DataError: The file is missing, empty, not a text, too short or holds nothing usable.
    """
    if settings.kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise DataError(f'There is no kind of data called "{settings.kind}"', "", f"Use {known}")
    if not 0 < settings.held_out <= 0.5:
        raise DataError(
            f"The held-out share cannot be {settings.held_out:g}",
            "it must lie above 0 and at most at 0.5",
            "Use 0.1 for the last tenth",
        )
    return _KINDS[settings.kind](settings, base)


def resolve(path: str, base: Path | None) -> Path:
    """Return where `path` lies; relative paths start from the project's folder `base`."""
    given = Path(path)
    return given if base is None else base / given


def text_dataset(
    title: str, origin: str, text: str, cut: int, notes: tuple[str, ...] = ()
) -> Dataset:
    """Number the characters of a text and hold out what comes after the first `cut`.

    Raises:
        DataError: Too many different characters.
    """
    vocabulary = Vocabulary.of(text)
    ids = vocabulary.encode(text)
    ids.flags.writeable = False
    train, valid = ids[:cut], ids[cut:]
    return Dataset(
        title=title,
        origin=origin,
        pattern="next token",
        input="ids",
        vocabulary=vocabulary,
        unit="nats per character",
        token_name="character",
        chance=math.log(len(vocabulary)),
        content_hash=_hash("".join(vocabulary.symbols), train, valid),
        train=train,
        valid=valid,
        notes=notes,
    )


def _open_text(settings: DataSettings, base: Path | None) -> Dataset:
    if not settings.path:
        title, origin, text, notes = _library_text()
    else:
        path = resolve(settings.path, base)
        title, origin, text, notes = path.name, f"Your file {path}.", read_text(path), ()
    _check_long_enough(title, text)
    cut = int(len(text) * (1 - settings.held_out))
    return text_dataset(title, origin, text, cut, notes)


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


def _open_tunes(settings: DataSettings, base: Path | None) -> Dataset:
    title, origin, text = _book(settings.path, base)
    book = tunebook.split(text, settings.held_out, title)
    train, notes = tunebook.join(book.train), book.notes
    small = len(text) < tunebook.SMALL_BOOK
    if settings.transpose == "on" or (settings.transpose == "auto" and small):
        train = tunebook.in_all_keys(book.train)
        notes = ("Training tunes written in all twelve keys", *notes)
    _check_long_enough(title, train)
    tunes = f"Tunes: {len(book.train):,} to learn, {len(book.valid):,} held out"
    text = train + tunebook.join(book.valid)
    return text_dataset(title, origin, text, len(train), (tunes, *notes))


def _book(given: str, base: Path | None) -> tuple[str, str, str]:
    if given:
        path = resolve(given, base)
        return path.name, f"Your file {path}.", read_text(path)
    shipped = resources.files("seqstudio") / "resources" / "tunes" / "traditional.abc"
    with resources.as_file(shipped) as path:
        return "Traditional tunes", _SHIPPED_BOOK, read_text(path)


def _check_long_enough(title: str, text: str) -> None:
    if len(text) < SHORTEST:
        raise DataError(
            f"{title} is too short to learn from",
            f"it has {len(text):,} characters, at least {SHORTEST:,} are needed",
            "Choose a longer one",
        )


def _open_hello(settings: DataSettings, base: Path | None) -> Dataset:
    return Dataset(
        title="hello",
        origin="The word of the first character model in the lectures.",
        pattern="next token",
        input="ids",
        vocabulary=HELLO,
        unit="nats per character",
        token_name="character",
        chance=math.log(len(HELLO)),
        content_hash=_hash("hello"),
        task=HelloTask(),
    )


def _open_adding(settings: DataSettings, base: Path | None) -> Dataset:
    task = AddingTask(settings.length)
    return Dataset(
        title=f"Adding problem, {settings.length} steps",
        origin="Drawn while training, after Hochreiter and Schmidhuber (1997).",
        pattern="value",
        input="vectors",
        vector_width=2,
        unit="mean squared error",
        token_name="step",
        chance=1 / 6,
        content_hash=_hash(f"adding {settings.length}"),
        task=task,
    )


def _open_recall(settings: DataSettings, base: Path | None) -> Dataset:
    task = RecallTask(settings.length)
    return Dataset(
        title=f"Recall over a gap of {settings.length}",
        origin="Drawn while training: a cue, distractors, and the question what the cue was.",
        pattern="class",
        input="ids",
        vocabulary=RECALL,
        classes=RECALL.symbols[:CUES],
        unit="nats",
        token_name="symbol",
        chance=math.log(CUES),
        content_hash=_hash(f"recall {settings.length}"),
        task=task,
    )


def _hash(name: str, *parts: np.ndarray) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass"))
    for part in parts:
        # The length keeps the border between the parts in the hash.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(part, "<u2").data)
    return digest.hexdigest()


_KINDS: dict[str, Callable[[DataSettings, Path | None], Dataset]] = {
    "text": _open_text,
    "abc": _open_tunes,
    "hello": _open_hello,
    "adding": _open_adding,
    "recall": _open_recall,
}
