"""What is listened to: a text, the tune in it, the model's probability of every note. No Qt.

A take is made from a `Sample`, finished or still being written, or from the held-out part of the
corpus when nothing has been written yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from seqstudio.data.dataset import Dataset
from seqstudio.music.abc import Tune
from seqstudio.music.codings import CODINGS, Coding
from seqstudio.music.keys import parse_key, spell
from seqstudio.music.score import Note, Score
from seqstudio.records.readings import Sample

#: Request number of the samples that the trainer writes by itself.
AUTOMATIC = 0
#: What a take is written in unless something else is said.
_ABC = CODINGS["abc"]
#: Characters of the corpus in which a tune is looked for.
_BOOK_CHARACTERS = 8_000


@dataclass(frozen=True, eq=False)
class Take:
    """A text and the tune in it that is played.

    Attributes:
        title: Title of the tune, or "".
        text: Prompt and what was written, whole.
        given: Characters of `text` that the model was given: the prompt, or all of a book's.
        probability: (len(text),) the model's probability of each character when it chose it,
            NaN where it was given.
        start: Where the tune begins in the text.
        tune: The tune, as far as it can be understood; note sources count from `start`.
        sample: The sample that it is made from, None for a tune of the book.
        coding: How the text writes music.
    """

    title: str
    text: str
    given: int
    probability: NDArray[np.float64]
    start: int
    tune: Tune
    sample: Sample | None = None
    coding: Coding = _ABC

    @property
    def score(self) -> Score:
        """Notes of the tune."""
        return self.tune.score

    @property
    def done(self) -> bool:
        """Whether nothing more will be written."""
        return self.sample is None or self.sample.done

    @property
    def tune_text(self) -> str:
        """The text of the tune that is played."""
        following = [
            each.offset for each in self.coding.split(self.text) if each.offset > self.start
        ]
        return self.text[self.start : following[0] if following else len(self.text)]

    @cached_property
    def tokens(self) -> list[str]:
        """The text cut into the tokens of its coding."""
        return self.coding.tokens(self.text)

    @cached_property
    def _token_starts(self) -> list[int]:
        return [0, *accumulate(map(len, self.tokens))][:-1]

    def token_at(self, character: int) -> int:
        """Return the number of the token that a character of the text belongs to."""
        return max(0, bisect_right(self._token_starts, character) - 1)

    def character_of(self, token: int) -> int:
        """Return where a token begins in the text."""
        return self._token_starts[token] if 0 <= token < len(self.tokens) else 0

    @cached_property
    def token_probability(self) -> NDArray[np.float64]:
        """(tokens,) probability of each token when it was chosen, NaN where it was given."""
        starts = self._token_starts
        return self.probability[starts] if starts else np.empty(0)

    @cached_property
    def chances(self) -> tuple[float, ...]:
        """Probability of each note of the score, see `note_probability`."""
        return tuple(self.note_probability(note) for note in self.score.notes)

    @cached_property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """Onset and release of each note of the score in beats, as quick numbers for painting."""
        return tuple((float(note.start), float(note.end)) for note in self.score.notes)

    def source(self, note: Note) -> tuple[int, int] | None:
        """Return the characters of `text` that wrote a note."""
        if note.source is None:
            return None
        return self.start + note.source[0], self.start + note.source[1]

    def note_probability(self, note: Note) -> float:
        """Return the model's probability of a note, NaN when it was given.

        p = Π p(x_i | x_<i) over the characters of the note that the model wrote itself.
        """
        source = self.source(note)
        if source is None:
            return float("nan")
        chosen = self.probability[source[0] : source[1]]
        chosen = chosen[~np.isnan(chosen)]
        return float(np.prod(chosen)) if len(chosen) else float("nan")

    @cached_property
    def _by_source(self) -> tuple[list[int], list[Note]]:
        notes = [note for note in self.score.notes if note.source is not None]
        firsts: dict[int, Note] = {}
        for note in notes:  # repeats write one note twice: its first playing counts
            if note.source is not None:
                firsts.setdefault(note.source[0], note)
        starts = sorted(firsts)
        return starts, [firsts[start] for start in starts]

    def note_at(self, character: int) -> Note | None:
        """Return the note that a character of `text` belongs to, else the last one before it."""
        starts, notes = self._by_source
        place = bisect_right(starts, character - self.start)
        return notes[place - 1] if place else (notes[0] if notes else None)

    def bar_of(self, beats: float) -> tuple[int, float]:
        """Return the number of the bar, from 1, and how much of it has passed, 0 to 1."""
        starts = [float(start) for start in self.score.bar_starts] or [0.0]
        place = max(0, bisect_right(starts, beats) - 1)
        end = starts[place + 1] if place + 1 < len(starts) else float(self.score.end_beats)
        length = max(end - starts[place], 1e-9)
        return place + 1, min(1.0, max(0.0, (beats - starts[place]) / length))


def take_of_sample(sample: Sample, start: int | None = None, coding: Coding = _ABC) -> Take:
    """Return the take of a sample.

    Args:
        sample: What the model wrote, finished or not.
        start: Where the tune to play begins; None for the one that is being written, or
            the longest of a finished text.
        coding: How the text writes music.
    """
    text = sample.prompt + sample.text
    probability, first = _by_character(sample), len(sample.prompt)
    begin = _best_start(coding, text, done=sample.done) if start is None else start
    tune = coding.read(text[begin:])
    return Take(tune.score.title, text, first, probability, begin, tune, sample, coding)


def filled_take(sample: Sample, after: str, coding: Coding = _ABC) -> Take:
    """Return the take of a tune of which a part was written: prompt, filling, what follows.

    Args:
        sample: Prompt and filling.
        after: What follows; it was given, like the prompt.
        coding: How the text writes music.
    """
    text = sample.text.removesuffix(after) + after
    whole = replace(sample, text=text)
    take = take_of_sample(whole, 0, coding)
    probability = take.probability.copy()
    probability[len(probability) - len(after) :] = np.nan
    return replace(take, probability=probability)


def _by_character(sample: Sample) -> NDArray[np.float64]:
    """Return the probability of each character of prompt and text, (n,); NaN where given.

    A token's probability stands at its first character, 1 at the others: products over any run
    of whole tokens come out right.
    """
    written = np.ones(len(sample.text))
    chances, ends = sample.probability, sample.ends
    if not len(ends):  # recorded before tokens could be longer than a character
        ends = np.arange(1, len(chances) + 1)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(chances)]
    inside = starts < len(written)
    written[starts[inside]] = chances[: len(starts)][inside]
    return np.concatenate([np.full(len(sample.prompt), np.nan), written])


def _best_start(coding: Coding, text: str, *, done: bool) -> int:
    """Return where the tune begins that is worth hearing: the one being written, or the longest.

    Only tunes with something behind their header count.
    """
    tunes = coding.split(text)
    whole = [each for each in tunes if coding.has_music(each.text)]
    if not whole:
        return tunes[0].offset if tunes else 0
    return (max(whole, key=lambda each: len(each.text)) if done else whole[-1]).offset


def tune_start(text: str, character: int, coding: Coding = _ABC) -> int:
    """Return where the tune begins that a character of a text belongs to."""
    starts = [each.offset for each in coding.split(text)]
    before = [start for start in starts if start <= character]
    return before[-1] if before else (starts[0] if starts else 0)


def book_take(dataset: Dataset, coding: Coding = _ABC) -> Take | None:
    """Return a tune of the held-out part of a corpus, None when there is none."""
    for each in coding.split(dataset.preview("valid", _BOOK_CHARACTERS))[:-1]:
        text = each.text.strip() + "\n"
        tune = coding.read(text)
        if not tune.broken and not tune.problems:
            given = np.full(len(text), np.nan)
            return Take(tune.score.title, text, len(text), given, 0, tune, None, coding)
    return None


def ages(samples: Sequence[Sample], most: int = 4) -> list[Sample]:
    """Return samples of the newest automatic prompt at up to `most` different training steps.

    The first and the newest are kept, the others are spread evenly over their order: training
    leaves fewer and fewer of them, so that this is nearly even in the logarithm of the step.
    """
    automatic = [each for each in samples if each.request == AUTOMATIC and each.done]
    if not automatic:
        return []
    prompt = automatic[-1].prompt
    by_step = {each.step: each for each in automatic if each.prompt == prompt}
    steps = sorted(by_step)
    if len(steps) > most:
        places = np.linspace(0, len(steps) - 1, most).round().astype(int)
        steps = [steps[place] for place in places]
    return [by_step[step] for step in steps]


def probability_words(probability: float) -> str:
    """Return a probability in words; a given note has none."""
    return "given" if np.isnan(probability) else f"p {probability:.2f}"


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def tone_name(pitch: int, key: str = "none") -> str:
    """Return a pitch with its octave, spelled for a key: "F♯5"."""
    tone = spell(pitch, parse_key(key)[0])
    return f"{tone.name.replace('#', '♯').replace('b', '♭')}{tone.octave}"


def note_words(take: Take, note: Note) -> str:
    """Return a note for people: name, bar and beat, probability, the characters that wrote it."""
    bar, _ = take.bar_of(float(note.start))
    starts = take.score.bar_starts
    since = float(note.start - (starts[bar - 1] if starts else 0))
    unit = 4 / take.score.meter[1] if take.score.meter else 1.0
    parts = [
        tone_name(note.pitch, take.score.key),
        f"bar {bar}, beat {_short(since / unit + 1)}",
        probability_words(take.note_probability(note)),
    ]
    source = take.source(note)
    if source is not None:
        parts.append(f"“{take.text[source[0] : source[1]]}”")
    return " · ".join(parts)
