"""How fast a tune is written, and whether two takes are one text that grows."""

from __future__ import annotations

import time

from seqstudio.studio.listen.takes import Take

_RATE_S = 0.5


class Pace:
    """How fast a tune is written, told at most twice a second."""

    def __init__(self) -> None:
        self._began_s = 0.0
        self._began = self._count = 0
        self._told_s = 0.0
        self._words = "writing"

    def add(self, take: Take | None, *, anew: bool) -> None:
        """Take in how far a text has come."""
        now, count = time.monotonic(), len(take.score.notes) if take else 0
        if anew:
            self._began_s, self._began, self._told_s, self._words = now, count, now, "writing"
        self._count = count
        if now - self._told_s >= _RATE_S and count > self._began:
            rate = (count - self._began) / max(now - self._began_s, 1e-3)
            digits = 0 if rate >= 10 else 1
            self._words = f"writing, {rate:.{digits}f} notes/s"
            self._told_s = now

    def words(self) -> str:
        """Return it for people: "writing, 26 notes/s"."""
        return self._words


def same_text(before: Take | None, after: Take | None) -> bool:
    """Tell whether a take is the one before, further written."""
    if before is None or after is None or before.sample is None or after.sample is None:
        return False
    same = (
        before.sample.request == after.sample.request and before.sample.step == after.sample.step
    )
    return same and after.text.startswith(before.text) and before.start == after.start
