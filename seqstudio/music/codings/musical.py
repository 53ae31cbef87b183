"""ABC by musical token: a pitch, a length, a bar sign or a field is one token, as in folk-rnn.

A pitch and its length are two tokens. On 804 session tunes that is a vocabulary of 105; one token
for both needs 195, many too rare to be learnt, and saves only 9 % of the steps. A pair that only a
held-out tune has could not be written at all.

Source: Sturm, Santos, Ben-Tal and Korshunova 2016, "Music transcription modelling and
composition using deep learning".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typing_extensions import override

from seqstudio.music.abc import parse_meter, read_tune, write_tune
from seqstudio.music.abc_tokens import MEMBER, TOKEN, field_value, tune_lines
from seqstudio.music.abc_voice import default_unit_beats
from seqstudio.music.codings.coding import AbcCharacters
from seqstudio.music.keys import parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqstudio.music.abc import Tune
    from seqstudio.music.abc_tokens import Line
    from seqstudio.music.score import Score

_CUT = re.compile(
    r"""
    ^[A-Za-z]:[^\n]*\n?            # a field is one token
  | \[[A-Za-z]:[^\]\n]*\]          # a field inside music
  | \[?[|:]+\]?\d*(?:[,\-]\d+)*    # bar signs and repeats, with the number of an ending
  | \[\d+(?:[,\-]\d+)*             # an ending
  | (?:\^\^?|__?|=)?[A-Ga-g][,']*  # a pitch
  | \(\d+(?::\d*){0,2}             # a tuplet
  | \d+(?:/\d*)? | /+\d*           # a length
  | >+ | <+ | \n\n | [\s\S]
    """,
    re.VERBOSE | re.MULTILINE,
)
_KEPT_FIELDS = "MLKV"
_DELICATE = re.compile(
    r"octave|transpose|clef|treble|bass|alto|tenor|^U:|^V:|\[V:|&", re.MULTILINE
)
"""What may move or name notes: a tune that has it is read twice to be sure."""
_DROPPED = frozenset(
    ("space", "comment", "slur", "grace", "text", "decoration", "linebreak", "mark", "stray")
)


class AbcTokens(AbcCharacters):
    """ABC notation, cut into musical tokens; the text stays ABC that any program reads.

    Held: pitches, lengths, metre, key, voices, repeats. Left out: title, tempo, loudness,
    ornaments, slurs, chord symbols and spaces.
    """

    title = "ABC, by musical token"
    token_name = "ABC token"
    opening = "X:1\n"

    @override
    def tokens(self, text: str) -> list[str]:
        return _CUT.findall(text)

    @override
    def write(self, score: Score) -> str:
        return plain_abc(write_tune(score))


def plain_abc(text: str) -> str:
    """Return a tune with nothing but what its notes need, closed by an empty line.

    Fields M:, L: and K: in this order, then the music in one line. The notes stay the same: a
    tune that cannot be stripped without changing them is written anew.
    """
    plain = _stripped(text)
    if not _DELICATE.search(text):
        return plain
    tune = read_tune(text)
    same = _sounds(read_tune(plain)) == _sounds(tune)
    return plain if same else _stripped(write_tune(tune.score))


def _sounds(tune: Tune) -> list[tuple[object, ...]]:
    return [(note.pitch, note.start, note.length, note.voice) for note in tune.score.notes]


def _stripped(text: str) -> str:
    lines = list(tune_lines(text))
    first_key = next((at for at, line in enumerate(lines) if line.letter == "K"), -1)
    fields = {
        line.letter: field_value(text, line)
        for line in lines[: first_key + 1]
        if line.kind == "field"
    }
    music = "".join(_pieces(text, lines[first_key + 1 :]))
    return f"X:1\n{_head(fields)}{music}\n\n"


def _head(fields: dict[str, str]) -> str:
    _understood, meter = parse_meter(fields.get("M", ""))
    unit = fields.get("L") or str(default_unit_beats(meter) / 4)
    key = parse_key(fields.get("K", "none"))[0]
    name = "/".join(map(str, meter)) if meter else "none"
    return f"M:{name}\nL:{unit}\nK:{key.name}\n"


def _pieces(text: str, lines: list[Line]) -> Iterator[str]:
    for line in lines:
        if line.kind == "field" and line.letter in _KEPT_FIELDS:
            yield _inline(line.letter, field_value(text, line))
        elif line.kind == "music":
            for match in TOKEN.finditer(text, line.start, line.end):
                yield _piece(match)


def _inline(letter: str, value: str) -> str:
    if letter == "V":
        value = (value.split(maxsplit=1) or [""])[0]
    elif letter == "K":
        value = parse_key(value)[0].name
    return f"[{letter}:{value}]"


def _piece(match: re.Match[str]) -> str:
    kind = match.lastgroup or "stray"
    if kind in _DROPPED:
        return ""
    if kind == "inline":
        letter = match[0][1]
        return _inline(letter, match[0][3:-1].strip()) if letter in _KEPT_FIELDS else ""
    if kind == "bare":
        return f"[{match[0].replace(' ', '')}]"
    if kind == "chord":
        members = (each for each in MEMBER.finditer(match["members"]))
        kept = "".join(each[0] for each in members if each.lastgroup in ("note", "tie"))
        return f"[{kept}]{match['chord_length']}" if kept else ""
    if kind == "rest":
        return match[0].replace("x", "z").replace("X", "Z")
    return match[0]
