"""ABC notation: splitting books, reading, transposing and writing tunes.

Source: The ABC music standard 2.1 (December 2011). Deviations are named where they are made.
The parts: abc_tokens (lines and tokens), abc_fields (values of fields), abc_reader with
abc_voice and abc_form, abc_writer.
"""

from seqstudio.music.abc_fields import parse_meter
from seqstudio.music.abc_reader import Problem, Tune, read_tune
from seqstudio.music.abc_tokens import TuneText, split_book
from seqstudio.music.abc_voice import Bar
from seqstudio.music.abc_writer import transpose, write_tune

__all__ = [
    "Bar",
    "Problem",
    "Tune",
    "TuneText",
    "parse_meter",
    "read_tune",
    "split_book",
    "transpose",
    "write_tune",
]
