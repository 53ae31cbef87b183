"""A sweep as axes and lines: where every value lies, and how it is written. No widgets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqstudio.blocks import swapping
from seqstudio.blocks.check import title_of
from seqstudio.blocks.settings import Place, declared, places
from seqstudio.document.param import Param, Value
from seqstudio.document.project import Project
from seqstudio.document.sweep import Axis, Choices, Span, Sweep, Trial
from seqstudio.studio.plots.scale import Scale, around, tick_texts, ticks
from seqstudio.studio.widgets import format_number

DECADE = 10.0  # losses that differ by more are drawn on a logarithmic axis
_FIXED = frozenset(
    {"training.budget", "training.minutes", "training.steps", "training.seed", "training.threads"}
)


@dataclass(frozen=True)
class Rail:
    """One axis of the plot.

    Attributes:
        title: What it measures.
        marks: Places from 0 (low end) to 1 with their words.
    """

    title: str
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Strand:
    """One trial as a line.

    Attributes:
        number: Number of the trial.
        places: Where it crosses each axis, 0 to 1; the last is the loss.
        words: Its value at each axis.
    """

    number: int
    places: tuple[float, ...]
    words: tuple[str, ...]

    @property
    def loss_share(self) -> float:
        """Where the loss lies among all: 0 for the best."""
        return self.places[-1]


@dataclass(frozen=True)
class Weave:
    """What the plot shows: axes, and a line for every trial with a loss, the best last."""

    rails: tuple[Rail, ...] = ()
    strands: tuple[Strand, ...] = ()


def weave(sweep: Sweep, project: Project) -> Weave:
    """Return a sweep as axes and lines; trials without a loss have none."""
    measured = [trial for trial in sweep.trials if math.isfinite(trial.loss) and trial.values]
    if not measured:
        return Weave()
    columns = [_column(axis, measured, project) for axis in varied(sweep)]
    columns.append(_loss_column(measured))
    strands = [
        Strand(
            trial.number,
            tuple(column.places[index] for column in columns),
            tuple(column.words[index] for column in columns),
        )
        for index, trial in enumerate(measured)
    ]
    strands.sort(key=lambda strand: -strand.loss_share)
    return Weave(tuple(column.rail for column in columns), tuple(strands))


def varied(sweep: Sweep) -> tuple[Axis, ...]:
    """Return the settings that vary, the seed among them where there are several."""
    if sweep.plan.seeds < 2:
        return sweep.plan.axes
    first = sweep.plan.seed
    return (*sweep.plan.axes, Choices("seed", tuple(range(first, first + sweep.plan.seeds))))


def value_at(trial: Trial, key: str) -> Value | None:
    """Return the value that a trial has for a varied setting, None before it is chosen."""
    return trial.seed if key == "seed" else trial.values.get(key)


@dataclass(frozen=True)
class _Column:
    rail: Rail
    places: tuple[float, ...]
    words: tuple[str, ...]


def _column(axis: Axis, trials: Sequence[Trial], project: Project) -> _Column:
    values = [value_at(trial, axis.key) for trial in trials]
    words = tuple(worded(project, axis.key, value) for value in values)
    title = short_title(project, axis.key)
    if isinstance(axis, Span):
        scale = Scale(axis.low, axis.high, axis.log)
        places = scale.share([float(value or 0) for value in values])
        return _Column(Rail(title, _marks(scale)), tuple(map(float, places)), words)
    known = [*axis.values, *(v for v in values if v not in axis.values)]
    where = {value: _nth(place, len(known)) for place, value in enumerate(known)}
    marks = tuple((place, worded(project, axis.key, value)) for value, place in where.items())
    return _Column(Rail(title, marks), tuple(where[value] for value in values), words)


def _nth(place: int, count: int) -> float:
    return 0.5 if count == 1 else place / (count - 1)


def _loss_column(trials: Sequence[Trial]) -> _Column:
    losses = [trial.loss for trial in trials]
    low, high = min(losses), max(losses)
    scale = around(low, high, log=low > 0 and high / low > DECADE)
    places = tuple(map(float, scale.share(losses)))
    words = tuple(format_number(loss, ".4f") for loss in losses)
    return _Column(Rail("Validation loss", _marks(scale)), places, words)


def _marks(scale: Scale) -> tuple[tuple[float, str], ...]:
    values = ticks(scale, 5)
    texts = tick_texts(values, scale)
    return tuple(zip(map(float, scale.share(values)), texts, strict=True))


# ---------------------------------------------------------------------------- words of settings


def worded(project: Project, key: str, value: Value | None) -> str:
    """Return a value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return format_number(value)
    param = _param(project, key)
    return dict(param.choices).get(value, value) if param else value


def short_title(project: Project, key: str) -> str:
    """Return the words for an axis: "Learning rate", "LSTM hidden"."""
    param = _param(project, key)
    if param is None:
        return {"seed": "Seed", swapping.KEY: "Memory"}.get(key, key)
    home = key.partition(".")[0]
    block = project.graph.blocks.get(home)
    if block is None:
        return param.title
    inner = key.split(".")[1:-1]
    return " ".join([title_of(block), *inner, param.title.lower()])


def in_sentence(title: str) -> str:
    """Return a title as it stands within a sentence: "learning rate", but "LSTM width"."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def _param(project: Project, key: str) -> Param | None:
    try:
        return declared(project, key)
    except KeyError:  # the block has gone since the sweep
        return None


def may_vary(project: Project) -> list[Place]:
    """Return the settings that a sweep can vary: of the training, the blocks, then the data."""
    idle = {f"data.{name}" for name in project.data.idle()}
    fit = [
        place
        for place in places(project)
        if place.key not in _FIXED | idle
        and place.home != "sampling"
        and place.param.kind not in {"text", "path"}
    ]
    return sorted(fit, key=lambda place: _family(place.home))


def _family(home: str) -> int:
    return {"training": 0, "data": 2}.get(home, 1)


def suggestion(param: Param, value: Value) -> str:
    """Return values worth trying around the present one, as a person would type them."""
    if param.kind == "bool":
        return "on, off"
    if param.kind == "choice":
        return ", ".join(choice for choice, _ in param.choices)
    number = float(value)
    if param.kind == "int":
        return _joined(_held(param, n) for n in _around_whole(round(number)))
    if number <= 0:
        return _joined([_held(param, 0.0), _held(param, 0.1), _held(param, 0.2)])
    factor = 5 if param.log else 2
    low, high = _held(param, number / factor), _held(param, number * factor)
    return f"{low:g}..{high:g}" if low < high else f"{number:g}"


def _around_whole(number: int) -> list[int]:
    return [0, 1, 2] if number == 0 else sorted({max(1, number // 2), number, number * 2})


def _held(param: Param, number: float) -> float:
    return min(param.high, max(param.low, number))


def _joined(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:g}" for number in dict.fromkeys(numbers))
