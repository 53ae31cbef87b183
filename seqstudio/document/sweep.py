"""A sweep: which settings to vary, how, and what became of every trial. Plain data with a file.

A *trial* is one run of one combination of settings with one seed. The file is JSON and is written
anew at every change of a trial, so it always says how far the sweep is.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from seqstudio.core.errors import SeqError
from seqstudio.core.files import read_bytes, write_atomic
from seqstudio.document.param import Param, Value

FORMAT = 1
FILE = "sweep.json"
LIMIT_TRIALS = 10_000
LIMIT_BYTES = 64_000_000
GRID_POINTS = 5
DRAWS = 200  # attempts to draw a combination that is new

Method = Literal["grid", "random", "optuna"]
Budget = Literal["steps", "minutes"]
TrialState = Literal["waiting", "running", "done", "skipped", "refused", "failed"]
OVER: frozenset[TrialState] = frozenset({"done", "skipped", "refused", "failed"})


class SweepError(SeqError):
    """A sweep that cannot be: nothing to vary, too many combinations, a damaged file."""


@dataclass(frozen=True)
class Choices:
    """A setting that takes each of some values."""

    key: str
    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """As it is typed: "16, 32, 64"."""
        return ", ".join(map(_typed, self.values))

    def grid(self, _points: int) -> list[Value]:
        """Return all values."""
        return list(self.values)

    def draw(self, generator: np.random.Generator) -> Value:
        """Return one of the values."""
        return self.values[int(generator.integers(len(self.values)))]


@dataclass(frozen=True)
class Span:
    """A setting that takes numbers from a range.

    Attributes:
        key: The full key of the setting.
        low: Least value.
        high: Greatest value.
        log: Decades are equally long.
        whole: Only whole numbers.
    """

    key: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def text(self) -> str:
        """As it is typed: "0.0001..0.01:log"."""
        ends = f"{_typed(self._value(self.low))}..{_typed(self._value(self.high))}"
        return f"{ends}:{'log' if self.log else 'linear'}"

    def at(self, share: float) -> Value:
        """Return the value at a share of the range, 0 for its low end and 1 for its high."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            number = math.exp(low + share * (high - low))
        else:
            number = self.low + share * (self.high - self.low)
        return self._value(min(self.high, max(self.low, number)))

    def grid(self, points: int) -> list[Value]:
        """Return at most so many values, evenly spread, both ends among them."""
        shares = [place / (points - 1) for place in range(points)]
        return list(dict.fromkeys(self.at(share) for share in shares))

    def draw(self, generator: np.random.Generator) -> Value:
        """Return a value, all equally likely (all decades, when logarithmic)."""
        if self.whole and not self.log:
            return int(generator.integers(round(self.low), round(self.high) + 1))
        return self.at(float(generator.random()))

    def _value(self, number: float) -> Value:
        return round(number) if self.whole else float(f"{number:.6g}")


Axis = Choices | Span


def parse_axis(key: str, param: Param, text: str) -> Axis:
    """Return what a person typed for a setting: "16, 32, 64", "lo..hi", "lo..hi:log".

    A range runs over decades where its setting does, unless it ends in ":linear".

    Raises:
        SweepError: Not a list and not a range.
        ParamError: The setting does not take a value.
    """
    if param.kind in {"int", "float"} and ".." in text:
        return _parse_span(key, param, text)
    values = [param.parse(part.strip()) for part in text.split(",") if part.strip()]
    if not values:
        hint = "Write 16, 32, 64 or a range such as 0.001..0.1"
        raise SweepError(f"There is nothing to try for {key}", "no value is given", hint)
    return Choices(key, tuple(dict.fromkeys(values)))


def _parse_span(key: str, param: Param, text: str) -> Span:
    ends, _, how = text.replace(" ", "").partition(":")
    if how not in {"", "log", "linear"}:
        why = f"{how} is no way to divide a range"
        raise SweepError(f"The range of {key} is not clear", why, "End it with :log or :linear")
    first, _, last = ends.partition("..")
    low, high = (float(param.parse(end)) for end in (first, last))
    log = how == "log" or (param.log and how == "")
    if not low < high:
        raise SweepError(f"The range of {key} is empty", text.strip(), "Put the lower end first")
    if log and low <= 0:
        hint = "Begin above 0, or end it with :linear"
        raise SweepError(f"The range of {key} has no decades", "it begins at 0 or below", hint)
    return Span(key, low, high, log, param.kind == "int")


@dataclass(frozen=True)
class Plan:
    """What to try.

    Attributes:
        axes: The settings that vary.
        method: Every combination, drawn at random, or proposed by Optuna from what is known.
        trials: Most combinations; 0 for all of a grid.
        budget: What ends a run.
        amount: Steps or minutes of a run.
        seeds: How often each combination is trained, each time with another seed.
        seed: The first seed, of the runs and of what is drawn.
    """

    axes: tuple[Axis, ...]
    method: Method = "grid"
    trials: int = 0
    budget: Budget = "steps"
    amount: float = 500
    seeds: int = 1
    seed: int = 0

    def checked(self) -> Plan:
        """Return the plan itself.

        Raises:
            SweepError: It cannot be carried out; the hint says what to change.
        """
        if not self.axes:
            hint = "Give a setting and its values: lstm.hidden = 32, 64, 128"
            raise SweepError("The sweep varies nothing", "", hint)
        keys = [axis.key for axis in self.axes]
        twice = next((key for key in keys if keys.count(key) > 1), "")
        if twice:
            raise SweepError(f"{twice} is given twice", "", "Put all of its values into one list")
        if self.method != "grid" and self.trials < 1:
            hint = "Say how many combinations to try"
            raise SweepError(f"A sweep by {self.method} has no end by itself", "", hint)
        if self.amount <= 0 or self.seeds < 1:
            raise SweepError("Every trial needs a budget and a seed", "", "Use numbers above 0")
        self._check_size()
        return self

    def _check_size(self) -> None:
        size = self.combinations()
        if self.method == "grid" and 0 < self.trials < size:
            hint = f"Allow {size:,} trials, shorten a list, or draw at random"
            why = f"the grid has {size:,}"
            raise SweepError(f"{self.trials:,} trials are not enough for the grid", why, hint)
        if size * self.seeds > LIMIT_TRIALS:
            hint = f"The most are {LIMIT_TRIALS:,}; draw at random instead"
            raise SweepError(f"That would be {size * self.seeds:,} runs", "", hint)

    def combinations(self) -> int:
        """Return how many combinations are tried, at most."""
        if self.method != "grid":
            return self.trials
        return math.prod(len(axis.grid(self._points())) for axis in self.axes)

    def grid(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of the grid; the last setting varies fastest."""
        keys = [axis.key for axis in self.axes]
        for values in itertools.product(*(axis.grid(self._points()) for axis in self.axes)):
            yield dict(zip(keys, values, strict=True))

    def draws(self) -> Iterator[dict[str, Value]]:
        """Yield combinations drawn at random, none twice; fewer where there are no more."""
        generator, seen = np.random.default_rng([self.seed, len(self.axes)]), set()
        for _ in range(self.trials):
            for _ in range(DRAWS):
                drawn = {axis.key: axis.draw(generator) for axis in self.axes}
                if tuple(drawn.values()) not in seen:
                    seen.add(tuple(drawn.values()))
                    yield drawn
                    break

    def first_trials(self) -> tuple[Trial, ...]:
        """Return all trials as they wait at first; Optuna's get their values later."""
        empty: Mapping[str, Value] = {}
        points: Sequence[Mapping[str, Value]] = [empty] * self.trials
        if self.method != "optuna":
            points = list(self.grid() if self.method == "grid" else self.draws())
        seeds = range(self.seed, self.seed + self.seeds)
        pairs = itertools.product(points, seeds)
        return tuple(Trial(n, values, seed) for n, (values, seed) in enumerate(pairs))

    def _points(self) -> int:
        """Return the points of a range in the grid: as many as the number of trials allows."""
        spans = sum(isinstance(axis, Span) for axis in self.axes)
        if not self.trials or not spans:
            return GRID_POINTS
        lists = math.prod(len(axis.values) for axis in self.axes if isinstance(axis, Choices))
        return max(2, math.floor(float((self.trials / lists) ** (1 / spans)) + 1e-9))


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        number: Place in the queue, from 0.
        values: Value of every setting that varies, by key; empty until it is chosen.
        seed: Seed of the run.
        state: Where it stands.
        run: Name of its run, "" before it began.
        loss: Best validation loss, NaN while there is none.
        step: Optimizer steps done.
        why: Why it was refused or failed, one sentence.
        asked: Number under which Optuna knows its combination, -1 without.
    """

    number: int
    values: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0
    state: TrialState = "waiting"
    run: str = ""
    loss: float = math.nan
    step: int = 0
    why: str = ""
    asked: int = -1

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER


@dataclass(frozen=True)
class Sweep:
    """A plan and what became of it.

    Attributes:
        name: Name of its folder.
        plan: What to try.
        trials: In the order of the queue.
    """

    name: str
    plan: Plan
    trials: tuple[Trial, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether every trial is over."""
        return all(trial.over for trial in self.trials)

    def with_trial(self, trial: Trial) -> Sweep:
        """Return a copy in which a trial takes the place of that of its number."""
        trials = (*self.trials[: trial.number], trial, *self.trials[trial.number + 1 :])
        return replace(self, trials=trials)

    def ranked(self) -> list[Trial]:
        """Return all trials: finished ones first, the best of them first of all."""

        def rank(trial: Trial) -> tuple[bool, bool, float]:
            nothing = math.isnan(trial.loss)
            return trial.state != "done", nothing, 0.0 if nothing else trial.loss

        return sorted(self.trials, key=rank)

    def best(self) -> Trial | None:
        """Return the finished trial with the lowest loss."""
        done = [trial for trial in self.ranked() if trial.state == "done"]
        return done[0] if done and math.isfinite(done[0].loss) else None

    def siblings(self, trial: Trial) -> tuple[Trial, ...]:
        """Return the trials of the same combination, one a seed."""
        first = trial.number - trial.number % self.plan.seeds
        return self.trials[first : first + self.plan.seeds]


# ------------------------------------------------------------------------------------ the file


def save_sweep(sweep: Sweep, folder: Path) -> None:
    """Write a sweep into its folder, whole or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    write_atomic(folder / FILE, sweep_text(sweep).encode("utf-8"))


def load_sweep(folder: Path) -> Sweep:
    """Read the sweep in a folder.

    Raises:
        DataError: There is none.
        SweepError: It is damaged or of a newer program.
    """
    return parse_sweep(read_bytes(folder / FILE, LIMIT_BYTES), folder.name)


def sweep_text(sweep: Sweep) -> str:
    """Return a sweep as the text of its file."""
    plan = {**asdict(sweep.plan), "axes": [_axis_table(axis) for axis in sweep.plan.axes]}
    trials = [_trial_table(trial) for trial in sweep.trials]
    content = {"format": FORMAT, "plan": plan, "trials": trials}
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def parse_sweep(data: bytes, name: str) -> Sweep:
    """Return the sweep that a file holds.

    Raises:
        SweepError: It is damaged or of a newer program.
    """
    try:
        content = json.loads(data)
        if content["format"] > FORMAT:
            what = f"{name} was planned by a newer SeqStudio"
            raise SweepError(what, f"format {content['format']}", "Update SeqStudio")
        trials = [_parse_trial(number, item) for number, item in enumerate(content["trials"])]
        return Sweep(name, _parse_plan(content["plan"]), tuple(trials))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        why = f"{FILE} cannot be read: {error}"
        raise SweepError(
            f"The sweep {name} is damaged", why, "Its runs are not touched"
        ) from error


def _axis_table(axis: Axis) -> dict[str, Any]:
    return asdict(axis)


def _trial_table(trial: Trial) -> dict[str, Any]:
    table = {key: value for key, value in asdict(trial).items() if key != "number"}
    return {**table, "loss": trial.loss if math.isfinite(trial.loss) else None}


def _parse_plan(item: dict[str, Any]) -> Plan:
    axes = tuple(_parse_axis_table(each) for each in item["axes"])
    known = {"method": get_args(Method), "budget": get_args(Budget)}
    for name, allowed in known.items():
        if item[name] not in allowed:
            raise ValueError(f"{name} is {item[name]!r}")
    whole = {name: int(item[name]) for name in ("trials", "seeds", "seed")}
    plan = Plan(axes, item["method"], budget=item["budget"], amount=float(item["amount"]), **whole)
    if plan.seeds < 1:
        raise ValueError("no seeds")
    return plan


def _parse_axis_table(item: dict[str, Any]) -> Axis:
    key = str(item["key"])
    if "values" in item:
        return Choices(key, tuple(map(_plain, item["values"])))
    low, high = float(item["low"]), float(item["high"])
    if not low < high or (item["log"] and low <= 0):
        raise ValueError(f"the range of {key} is empty")
    return Span(key, low, high, bool(item["log"]), bool(item["whole"]))


def _parse_trial(number: int, item: dict[str, Any]) -> Trial:
    if item["state"] not in get_args(TrialState):
        raise ValueError(f"trial {number} is {item['state']!r}")
    run = str(item["run"])
    if run != Path(run).name or run in {"..", "."}:
        raise ValueError(f"{run!r} is no name of a run")
    loss = math.nan if item["loss"] is None else float(item["loss"])
    values = {str(key): _plain(value) for key, value in item["values"].items()}
    return Trial(
        number, values, int(item["seed"]), item["state"], run, loss, int(item["step"]),
        str(item["why"]), int(item["asked"]),
    )  # fmt: skip


def _plain(value: object) -> Value:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"{value!r} is no value of a setting")  # noqa: TRY004  a damaged file
    return value


def _typed(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
