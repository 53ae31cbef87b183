"""Words from strangers as they can be shown: names of files, columns and labels."""

from __future__ import annotations

import unicodedata

_LONGEST = 200


def shown(words: str, longest: int = _LONGEST) -> str:
    """Return words in which nothing acts: what turns the direction or moves the line is spelled.

    A right-to-left override becomes its name, ⟨U+202E⟩; bytes that are no text become marks.
    """
    cut = words if len(words) <= longest else f"{words[:longest]}…"
    return "".join(_spelled(sign) for sign in cut)


def _spelled(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind == "Cs":
        return "\ufffd"
    return f"⟨U+{ord(sign):04X}⟩" if kind in {"Cc", "Cf", "Zl", "Zp"} else sign


def size_words(size: int) -> str:
    """Return a number of bytes in words: 2.2 kB, 1.1 MB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
