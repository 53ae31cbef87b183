"""Edits of the tune that is heard, and the way back. No Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seqstudio.core.errors import MusicError
from seqstudio.music.abc import Tune
from seqstudio.music.score import Score
from seqstudio.studio.listen.takes import Take

#: Edits that can be undone.
MOST_EDITS = 200


def edited_take(before: Take, score: Score) -> Take:
    """Return a take of an edited score, its text written anew and given as a whole.

    Its notes are those of the score, also where the coding cannot hold all that they are; a
    score that it cannot write at all has no text.
    """
    coding = before.coding
    try:
        text = coding.write(score)
        tune = coding.read(text)
    except MusicError:
        text, tune = "", Tune(score, (), {}, ())
    sources = {(note.pitch, note.start, note.voice): note.source for note in tune.score.notes}
    notes = tuple(
        replace(note, source=sources.get((note.pitch, note.start, note.voice)))
        for note in score.notes
    )
    tune = replace(tune, score=replace(score, notes=notes), broken="")
    given = np.full(len(text), np.nan)
    return Take(score.title or before.title, text, len(text), given, 0, tune, None, coding)


class Edits:
    """Takes before and after edits, as in any editor."""

    def __init__(self) -> None:
        self._back: list[tuple[Take, str]] = []
        self._forth: list[tuple[Take, str]] = []

    @property
    def undo_label(self) -> str:
        """What undo takes back, "" for nothing."""
        return self._back[-1][1] if self._back else ""

    @property
    def redo_label(self) -> str:
        """What redo does again, "" for nothing."""
        return self._forth[-1][1] if self._forth else ""

    def push(self, before: Take, label: str) -> None:
        """Remember the take before an edit."""
        self._back = [*self._back, (before, label)][-MOST_EDITS:]
        self._forth.clear()

    def undo(self, now: Take) -> Take:
        """Return the take before the last edit."""
        take, label = self._back.pop()
        self._forth.append((now, label))
        return take

    def redo(self, now: Take) -> Take:
        """Return the take after the edit that was undone last."""
        take, label = self._forth.pop()
        self._back.append((now, label))
        return take

    def clear(self) -> None:
        """Forget all: another tune is heard."""
        self._back.clear()
        self._forth.clear()
