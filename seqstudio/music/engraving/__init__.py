"""Scores in standard notation: what is written (`notate`) and where it stands. No Qt."""

from seqstudio.music.engraving.notation import Notation, notate

__all__ = ["Notation", "notate"]
