"""What a person has to know about how a typed text was read."""

from __future__ import annotations

from collections.abc import Sequence

from seqstudio.data.vocabulary import name_of

_SHOWN = 8


def not_known(skipped: Sequence[str], rare: Sequence[str]) -> list[str]:
    """Return sentences about signs that were left out and words that were read as one sign."""
    told = []
    if skipped:
        names = ", ".join(name_of(sign) for sign in skipped[:_SHOWN])
        told.append(f"Left out, because the model does not know them: {names}.")
    if rare:
        names = ", ".join(word.strip() or "a space" for word in rare[:_SHOWN])
        told.append(f"Read as one sign for unknown words: {names}.")
    return told
