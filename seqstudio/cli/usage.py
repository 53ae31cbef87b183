"""Mistakes in what was typed, and the one way to say them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from seqstudio.core.errors import SeqError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class UsageError(SeqError):
    """A command, option or setting that does not exist or does not fit."""


def no_such(what: str, given: str, known: Iterable[str]) -> UsageError:
    """Say that a name does not exist and which one may have been meant."""
    names = list(known)
    close = get_close_matches(given, names, n=3, cutoff=0.6)
    listed = " or ".join(close) if close else ", ".join(names)
    hint = f"Did you mean {listed}" if close else f"Choose one of: {listed}"
    return UsageError(f"There is no {what} {given!r}", "", hint)


def checked_out(out: Path, kinds: tuple[str, ...]) -> Path:
    """Return a file to write, once it is clear that it can be.

    Raises:
        UsageError: Its ending is none of `kinds`.
        StorageError: Its folder is not there.
    """
    if out.suffix not in kinds:
        hint = "End it with " + ", ".join(kinds)
        raise UsageError(f"{out.name} is no kind of file that can be written here", "", hint)
    if not out.parent.is_dir():
        what = f"There is no folder {out.parent}"
        raise StorageError(what, "", "Make it first, or choose another place")
    return out
