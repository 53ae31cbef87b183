"""Notices: what the program has to tell the person."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.core.errors import SeqError
from seqstudio.records.faults import Remedy
from seqstudio.records.messages import Failed


@dataclass(frozen=True)
class Notice:
    """Something to tell the person.

    Attributes:
        what: What happened.
        why: The cause.
        hint: What to do.
        level: "info", "success", "warn" or "error".
        details: Traceback or log, for the curious.
        remedies: What helps, each a button.
    """

    what: str
    why: str = ""
    hint: str = ""
    level: str = "info"
    details: str = ""
    remedies: tuple[Remedy, ...] = ()

    @classmethod
    def of(cls, error: SeqError, level: str = "error") -> Notice:
        """Return what an error has to say."""
        return cls(error.what, error.why, error.hint, level)

    @classmethod
    def of_failure(cls, event: Failed) -> Notice:
        """Return what a trainer says of its failure."""
        level = "error" if event.fatal else "warn"
        return cls(event.what, event.why, event.hint, level, event.trace, event.remedies)
