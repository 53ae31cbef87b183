"""`Wish`: what a person asks the model to write, and the part of a tune it is about. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from seqstudio.records.messages import Constraints, Steer
from seqstudio.studio.listen.takes import Take

#: Bars that are written ahead of the playhead in a tune that is steered live.
BARS_AHEAD = 2
FILLINGS = 4
_WORD_END = "end\n"
Region = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Wish:
    """What the model is asked to write.

    Attributes:
        prompt: What is continued.
        length: Most tokens to write.
        temperature: See `SamplingSettings`, as the next two.
        top_k: Of the likeliest.
        top_p: Of the likeliest.
        seed: Start of the random numbers of the choice.
        constraints: What the tune keeps to.
        after: What follows the place that is filled, "" when nothing does.
        tries: Fillings of which the best fitting is kept.
        live: Write only a little ahead of the playhead, so that changes are heard soon.
    """

    prompt: str
    length: int
    temperature: float
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    constraints: Constraints = Constraints()  # noqa: RUF009  frozen
    after: str = ""
    tries: int = 1
    live: bool = False

    def steer(self, request: int, ahead: int, *, stop: bool = False) -> Steer:
        """Return the message that makes a tune on its way keep to this wish."""
        return Steer(request, self.temperature, self.top_k, self.top_p, self.constraints,
                     ahead if self.live else 0, stop)  # fmt: skip


def bars_ahead(take: Take | None, beats: float) -> int:
    """Return how many bars may be written: two beyond the one that the playhead is in."""
    bar = 0 if take is None else take.bar_of(beats)[0]
    return max(1, bar) + BARS_AHEAD


@dataclass(frozen=True)
class Place:
    """A region of a tune in its text.

    Attributes:
        before: The text up to the region.
        inside: The text of the region.
        after: The text behind it.
        bars: Bars that the region touches.
    """

    before: str
    inside: str
    after: str
    bars: int


def place_of(take: Take, region: Region | None) -> Place | None:
    """Return where a region stands in the text of a take; without one, the whole tune.

    A region begins with the first note in it and ends before the first note behind it. None
    when no note of the text lies in it.
    """
    text = take.text
    end_of_tune = take.start + len(take.tune_text)
    first_beat, end_beat = region or (Fraction(0), take.score.end_beats)
    sources = [
        (note.start, source)
        for note in take.score.notes
        if (source := take.source(note)) is not None
    ]
    inside = [source for start, source in sources if first_beat <= start < end_beat]
    if not inside:
        return None
    first, last = min(inside)[0], max(end for _, end in inside)
    behind = [source[0] for start, source in sources if start >= end_beat and source[0] >= last]
    end = min(behind, default=end_of_tune)
    bars = _bars_touched(take, first_beat, end_beat)
    return Place(text[take.start : first], text[first:end], text[end:end_of_tune], bars)


def _bars_touched(take: Take, first: Fraction, end: Fraction) -> int:
    edges = [*take.score.bar_starts, max(end, take.score.end_beats)]
    return max(1, sum(start < end and stop > first for start, stop in pairwise(edges)))


def open_end(take: Take) -> str:
    """Return the text of a tune without the sign that closes it: what can be continued."""
    return opened(take.tune_text)


def opened(text: str) -> str:
    """Return the text of a piece without the sign that closes it.

    A bar line stands for the double bar of ABC, so that the next bar can begin.
    """
    if text.endswith(_WORD_END):
        return text[: -len(_WORD_END)]
    body = text.rstrip()
    for closing in ("|]", "||"):
        if body.endswith(closing):
            return body[: -len(closing)] + "|"
    return body if text.endswith("\n\n") else text


def first_notes(take: Take, place: Place, share: float = 0.25) -> int:
    """Return how many characters of a region its first notes take: what a variation keeps.

    Whole tokens, and at least one note where there are two.
    """
    tokens = take.coding.tokens(place.inside)
    wanted, length = share * len(place.inside), 0
    for token in tokens[:-1]:
        length += len(token)
        if length >= wanted:
            break
    return length
