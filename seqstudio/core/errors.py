"""Errors that a person can act on: what happened, why, and what to do.

Everything that a user can cause raises a subclass of `SeqError`; `ValueError` and `assert` are
for our own mistakes. The window shows the three parts apart, the command line in one line.
"""

from __future__ import annotations

from typing_extensions import override


class SeqError(Exception):
    """A failure to tell a person about.

    Attributes:
        what: What happened, a short sentence without a full stop.
        why: The cause, or "".
        hint: What to do next, or "".
    """

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def sentence(self) -> str:
        """Return all three parts as one line of text: what, why, then what to do."""
        what, why, hint = (part.strip().rstrip(".") for part in (self.what, self.why, self.hint))
        if why:
            what += f" ({why})" if ":" in what else f": {why}"
        return f"{what}. {hint}." if hint else f"{what}."

    @override
    def __str__(self) -> str:
        return self.sentence()

    @override
    def __reduce__(self) -> tuple[type[SeqError], tuple[str, str, str]]:
        # The default pickles only `args`, and a failure has to cross a process border whole.
        return type(self), (self.what, self.why, self.hint)


class DataError(SeqError):
    """A corpus or data file cannot be used."""


class ProjectError(SeqError):
    """A project file cannot be read or written."""


class GraphError(SeqError):
    """The graph cannot be built or run."""


class RunError(SeqError):
    """A run cannot start, continue or be read."""


class DeviceError(SeqError):
    """A computing, sound or MIDI device is not there or refuses."""


class MusicError(SeqError):
    """A tune or score cannot be read or written."""


class StorageError(SeqError):
    """A file cannot be written: full disk, no permission, folder gone."""
