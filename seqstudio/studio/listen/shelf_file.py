"""A take of the shelf and its file: JSON of our own, read with limits. No Qt.

{"format": 1, "title": "Reel", "origin": "written", "kind": "abc", "text": "X:1...", ...}
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.music.codings import CODINGS
from seqstudio.music.score import Note, Score, Track
from seqstudio.records.messages import Constraints
from seqstudio.records.readings import Sample, freeze
from seqstudio.studio.listen.findings import Findings, findings_of
from seqstudio.studio.listen.takes import Take, filled_take, take_of_sample
from seqstudio.studio.listen.wishes import Wish

Origin = Literal["written", "edited", "imported", "played"]
FORMAT = 1
LIMIT_BYTES = 16_000_000
MOST_CHARACTERS = 1_000_000
MOST_NOTES = 100_000
MOST_STARS = 5
_WORDS = 2_000
#: Number of the request of a sample that was kept: no automatic one, and none that is awaited.
KEPT_REQUEST = -1


@dataclass(frozen=True, eq=False)
class KeptTake:
    """A take on the shelf.

    Attributes:
        title: What the person calls it, or the title of the tune.
        text: Prompt and what was written, whole.
        start: Where the tune begins in the text.
        kind: How the text writes music, a key of `CODINGS`.
        origin: Where it comes from.
        run: Run that wrote it, or "".
        wish: What was asked for, None when nobody asked.
        sample: What the model wrote, None for what it did not write.
        score: The notes, where a person made them; None leaves them to the text.
        stars: 0 to 5.
        note: What the person wrote about it.
        made_at: Seconds since 1970.
        key: Name of its file without the ending; "" until it is on a shelf.
    """

    title: str
    text: str
    start: int
    kind: str
    origin: Origin
    run: str = ""
    wish: Wish | None = None
    sample: Sample | None = None
    score: Score | None = None
    stars: int = 0
    note: str = ""
    made_at: float = 0.0
    key: str = ""

    @cached_property
    def take(self) -> Take:
        """The take as every panel of the page shows it."""
        coding = CODINGS[self.kind]
        after = self.wish.after if self.wish is not None else ""
        if self.sample is not None and after and self.sample.text.endswith(after):
            text = self.sample.text[: -len(after)]
            take = filled_take(replace(self.sample, text=text), after, coding)
        elif self.sample is not None:
            take = take_of_sample(self.sample, self.start, coding)
        else:
            tune, given = coding.read(self.text[self.start :]), np.full(len(self.text), np.nan)
            take = Take(self.title, self.text, len(self.text), given, self.start, tune, None,
                        coding)  # fmt: skip
        if self.score is not None and not same_notes(self.score, take.score):
            take = replace(take, tune=replace(take.tune, score=self.score, broken=""))
        return replace(take, title=self.title)

    @cached_property
    def findings(self) -> Findings:
        """What can be counted in it."""
        return findings_of(self.take.tune)

    def is_heard(self, take: Take | None) -> bool:
        """Tell whether a take is this one, also when it was not taken from the shelf."""
        if take is None:
            return False
        if take is self.take:
            return True
        if self.score is not None:
            return take.sample is None and take.score is self.score
        return self.sample is not None and take.sample is self.sample and take.start == self.start

    @property
    def step(self) -> int | None:
        """Training step of the weights that wrote it."""
        return None if self.sample is None else self.sample.step


def same_notes(one: Score, other: Score) -> bool:
    """Tell whether two scores sound the same, whatever text wrote them."""

    def heard(score: Score) -> list[tuple[int, Fraction, Fraction, int, int]]:
        return [(n.pitch, n.start, n.length, n.velocity, n.voice) for n in score.notes]

    return heard(one) == heard(other) and one.tempo_bpm == other.tempo_bpm


def kept_take(take: Take, origin: Origin, *, run: str = "", wish: Wish | None = None,
              made_at: float = 0.0) -> KeptTake | None:  # fmt: skip
    """Return a take as it goes on the shelf; None when its coding is none of ours."""
    kind = next((key for key, coding in CODINGS.items() if coding is take.coding), "")
    if not kind:
        return None
    score = take.score if origin != "written" else None
    title = take.title or ("Untitled" if origin == "written" else origin.capitalize())
    return KeptTake(title, take.text, take.start, kind, origin, run, wish, take.sample, score,
                    made_at=made_at)  # fmt: skip


# ------------------------------------------------------------------------------------ file


def text_of(kept: KeptTake) -> str:
    """Return the text of the file of a take."""
    data: dict[str, Any] = {
        "format": FORMAT, "title": kept.title, "origin": kept.origin, "kind": kept.kind,
        "text": kept.text, "start": kept.start, "run": kept.run, "stars": kept.stars,
        "note": kept.note, "made_at": kept.made_at,
    }  # fmt: skip
    if kept.wish is not None:
        data["wish"] = asdict(kept.wish)
    if kept.sample is not None:
        data["sample"] = _sample_data(kept.sample)
    if kept.score is not None:
        data["score"] = _score_data(kept.score)
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _sample_data(sample: Sample) -> dict[str, Any]:
    return {
        "step": sample.step, "prompt": sample.prompt, "temperature": sample.temperature,
        "seed": sample.seed, "done": sample.done,
        "probability": [round(float(p), 4) for p in sample.probability],
        "ends": [int(end) for end in sample.ends],
    }  # fmt: skip


def _score_data(score: Score) -> dict[str, Any]:
    return {
        "notes": [[n.pitch, str(n.start), str(n.length), n.velocity, n.voice]
                  for n in score.notes],
        "tempo_bpm": score.tempo_bpm, "tempos": [[str(b), bpm] for b, bpm in score.tempos],
        "meter": list(score.meter) if score.meter else None, "key": score.key,
        "title": score.title, "bar_starts": [str(at) for at in score.bar_starts],
        "end_beats": str(score.end_beats),
        "tracks": [[t.voice, t.name, t.program, t.drums] for t in score.tracks],
    }  # fmt: skip


def kept_of(data: bytes) -> KeptTake:
    """Read the file of a take.

    Raises:
        DataError: It is none, or of a newer program; the reason says why.
    """
    try:
        found = json.loads(data)
        if not isinstance(found, dict):
            raise TypeError("not an object")
        if found.get("format") != FORMAT:
            raise ValueError(f"its format is {found.get('format')!r}, not {FORMAT}")
        return _kept(found)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError,
            ZeroDivisionError) as error:  # fmt: skip
        why = str(error) or type(error).__name__
        raise DataError("This is no take", why[:200], "It was put aside") from error


def _kept(data: dict[str, Any]) -> KeptTake:
    text, kind, origin = str(data["text"]), str(data["kind"]), data["origin"]
    if kind not in CODINGS:
        raise ValueError(f"nothing here reads music as {kind[:40]!r}")
    if origin not in get_args(Origin):
        raise ValueError("where it comes from is unknown")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"its text is longer than {MOST_CHARACTERS:,} characters")
    start = int(data["start"])
    if not 0 <= start <= len(text):
        raise ValueError("its tune begins outside its text")
    sample, score, wish = data.get("sample"), data.get("score"), data.get("wish")
    return KeptTake(
        title=str(data["title"])[:_WORDS], text=text, start=start, kind=kind, origin=origin,
        run=str(data.get("run", ""))[:_WORDS],
        wish=_wish(wish) if wish is not None else None,
        sample=_sample(sample, text) if sample is not None else None,
        score=_score(score) if score is not None else None,
        stars=min(MOST_STARS, max(0, int(data.get("stars", 0)))),
        note=str(data.get("note", ""))[:_WORDS], made_at=_finite(data.get("made_at", 0.0)),
    )  # fmt: skip


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _wish(data: dict[str, Any]) -> Wish:
    c = data["constraints"]
    constraints = Constraints(str(c["key"]), str(c["meter"]), int(c["lowest"]), int(c["highest"]),
                              int(c["bars"]), bool(c["tonic"]))  # fmt: skip
    return Wish(str(data["prompt"]), int(data["length"]), _finite(data["temperature"]),
                int(data["top_k"]), _finite(data["top_p"]), int(data["seed"]), constraints,
                str(data["after"]), int(data["tries"]), bool(data["live"]))  # fmt: skip


def _sample(data: dict[str, Any], text: str) -> Sample:
    prompt = str(data["prompt"])
    if not text.startswith(prompt):
        raise ValueError("its prompt is not the beginning of its text")
    chances = np.array([_finite(p) for p in data["probability"]], np.float32)
    ends = np.array([int(end) for end in data["ends"]], np.int64)
    if len(ends) not in {0, len(chances)} or len(chances) > len(text):
        raise ValueError("its probabilities do not fit its text")
    if len(ends) and (ends[0] < 0 or np.any(np.diff(ends) < 0)):
        raise ValueError("its tokens do not follow each other")
    return Sample(
        request=KEPT_REQUEST, step=int(data["step"]), prompt=prompt, text=text[len(prompt) :],
        probability=freeze(chances), choices=(), temperature=_finite(data["temperature"]),
        seed=int(data["seed"]), done=True, ends=freeze(ends),
    )  # fmt: skip


def _score(data: dict[str, Any]) -> Score:
    notes: Sequence[Any] = data["notes"]
    if len(notes) > MOST_NOTES:
        raise ValueError(f"it has more than {MOST_NOTES:,} notes")
    meter = data["meter"]
    return Score(
        notes=tuple(Note(int(n[0]), _beats(n[1]), _beats(n[2]), int(n[3]), int(n[4]))
                    for n in notes),
        tempo_bpm=_finite(data["tempo_bpm"]),
        tempos=tuple((_beats(beat), _finite(bpm)) for beat, bpm in data["tempos"][:MOST_NOTES]),
        meter=(int(meter[0]), int(meter[1])) if meter else None,
        key=str(data["key"])[:_WORDS], title=str(data["title"])[:_WORDS],
        bar_starts=tuple(map(_beats, data["bar_starts"][:MOST_NOTES])),
        end_beats=_beats(data["end_beats"]),
        tracks=tuple(Track(int(t[0]), str(t[1]), int(t[2]), bool(t[3]))
                     for t in data["tracks"][:256]),
    )  # fmt: skip


def _beats(text: Any) -> Fraction:
    """Read "7/2"; a number as long as a novel would take a year to compute with."""
    if len(str(text)) > 40:
        raise ValueError("a place in beats has too many digits")
    return Fraction(str(text))
