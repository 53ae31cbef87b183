"""Scores in standard notation: what is written (`notate`) and where it stands (`lay_out`). No Qt.

sheet = lay_out(notate(score), width=90.0)      # in staff spaces
sheet.systems[0].marks                          # glyphs, strokes, beams, ties, words
sheet.note_at(x, y)                             # number of the note in the score, or -1
"""

from seqstudio.music.engraving.layout import lay_out
from seqstudio.music.engraving.marks import Sheet, System
from seqstudio.music.engraving.notation import Notation, notate

__all__ = ["Notation", "Sheet", "System", "lay_out", "notate"]
