"""Mistakes in what was typed, and the one way to say them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from seqstudio.core.errors import SeqError

if TYPE_CHECKING:
    from collections.abc import Iterable


class UsageError(SeqError):
    """A command, option or setting that does not exist or does not fit."""


def no_such(what: str, given: str, known: Iterable[str]) -> UsageError:
    """Say that a name does not exist and which one may have been meant."""
    names = list(known)
    close = get_close_matches(given, names, n=3, cutoff=0.6)
    listed = " or ".join(close) if close else ", ".join(names)
    hint = f"Did you mean {listed}" if close else f"Choose one of: {listed}"
    return UsageError(f"There is no {what} {given!r}", "", hint)
