"""Which device trains a model fastest: a few real steps on each, on a copy that is thrown away.

Small models often train faster on the processor than on a graphics card, whose time goes into
starting many little operations; nobody can tell without trying. The result is kept by what was
measured, so a model is tried once on a computer.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import torch

from seqstudio.core.errors import SeqError, StorageError
from seqstudio.core.files import write_atomic
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.engine.beginning import first_trial
from seqstudio.engine.checkpoint import fingerprint
from seqstudio.engine.devices import choose_device, devices, refuse_excess, torch_version
from seqstudio.engine.learner import Learner

STEPS = 4  # of which the first, which warms up, does not count
MOST_S = 1.0  # a slow device has shown that it is slow
KEPT = 500  # results in the file
COUNTS = ("batch", "window", "accumulate", "precision", "threads", "optimizer", "carry")
"""Settings that the speed depends on."""

Measure = Callable[[Project, Dataset, torch.device], float]


@dataclass(frozen=True)
class DeviceChoice:
    """The device that won.

    Attributes:
        device: Its name.
        rates: Tokens per second of every device that could train; empty without a trial.
    """

    device: str
    rates: dict[str, float]

    def words(self) -> str:
        """Return what was measured: "cpu 12,000 tokens/s, cuda 41,000", "" without a trial."""
        shown = [f"{name} {rate:,.0f}" for name, rate in self.rates.items()]
        return ", ".join([f"{shown[0]} tokens/s", *shown[1:]]) if shown else ""


def tokens_per_second(
    project: Project,
    dataset: Dataset,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return how fast a fresh copy of the model trains on a device, by its quickest step."""
    learner, setup = Learner(project, dataset, device), first_trial(project.training, device)
    learner.setup = setup.current
    if device.type == "cpu":
        torch.set_num_threads(setup.current.threads)
    took: list[float] = []
    began = clock()
    while len(took) < STEPS and (len(took) < 2 or clock() - began < MOST_S):
        start = clock()
        float(learner.learn(tapped=False).loss)  # waits for the device
        learner.apply(0.0)
        _wait(device)
        took.append(clock() - start)
    return learner.batches.tokens_per_batch / max(min(took[1:]), 1e-9)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class DeviceTrial:
    """Tries the devices of this computer with a model, or remembers what came of it.

    Args:
        measure: Returns tokens per second of a model on a device.
        folder: Where results are kept; None: the user's cache.
    """

    def __init__(self, measure: Measure = tokens_per_second, folder: Path | None = None) -> None:
        self._measure = measure
        kept = folder or Path(platformdirs.user_cache_dir("SeqStudio", appauthor=False))
        self._file = kept / "device_trials.json"

    def choose(self, project: Project, dataset: Dataset, names: Sequence[str]) -> DeviceChoice:
        """Return the fastest of some devices; one that fails does not take part.

        Raises:
            GraphError: The model fits on none of them.
        """
        fitting = self._fitting(project, dataset, names)
        if len(fitting) == 1:
            return DeviceChoice(fitting[0], {})
        key = self._key(project, dataset, fitting)
        rates = self._known().get(key) or self._rates(project, dataset, fitting)
        if not rates:
            return DeviceChoice(fitting[-1], {})
        self._keep(key, rates)
        return DeviceChoice(max(rates, key=lambda name: rates[name]), rates)

    def _fitting(self, project: Project, dataset: Dataset, names: Sequence[str]) -> list[str]:
        facts, found, problem = facts_of(dataset, project.training), [], None
        for name in names:
            try:
                refuse_excess(project, facts, torch.device(name))
                found.append(name)
            except SeqError as error:
                problem = problem or error
        if not found and problem is not None:
            raise problem
        return found

    def _rates(self, project: Project, dataset: Dataset, names: Sequence[str]) -> dict[str, float]:
        found = {}
        for name in names:
            with suppress(RuntimeError, SeqError, MemoryError, NotImplementedError):
                found[name] = round(self._measure(project, dataset, torch.device(name)), 1)
        if "cuda" in names:
            torch.cuda.empty_cache()
        return found

    def _key(self, project: Project, dataset: Dataset, names: Sequence[str]) -> str:
        """Return a hash of all that the speed depends on."""
        cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        settings = [str(getattr(project.training, name)) for name in COUNTS]
        parts = [fingerprint(project.graph), settings, dataset.content_hash, [*names], cards]
        text = json.dumps([*parts, torch_version()])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def _known(self) -> dict[str, dict[str, float]]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        good = isinstance(found, dict) and all(map(_is_rates, found.values()))
        return found if good else {}

    def _keep(self, key: str, rates: dict[str, float]) -> None:
        known = self._known()
        known.pop(key, None)
        newest = dict([*known.items(), (key, rates)][-KEPT:])
        with suppress(OSError, StorageError):  # it is measured again the next time
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, json.dumps(newest).encode())


def _is_rates(found: object) -> bool:
    return isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(rate, (int, float)) for name, rate in found.items()
    )


def device_for(wanted: str, before: str, project: Project, dataset: Dataset) -> DeviceChoice:
    """Return where to train.

    Args:
        wanted: What the person chose; "auto" leaves it open.
        before: Device that the run was on before, "" for a new run: it goes on there, or its
            continuation would not be exact.
        project: What to train.
        dataset: What it learns from.

    Raises:
        DeviceError: The device wanted is not there.
        GraphError: The model does not fit.
    """
    here = devices()
    if wanted == "auto" and before.partition(":")[0] in here:
        wanted = before
    if wanted == "auto" and len(here) > 1:
        return DeviceTrial().choose(project, dataset, sorted(here))
    chosen = choose_device(wanted)
    refuse_excess(project, facts_of(dataset, project.training), chosen)
    return DeviceChoice(wanted if wanted != "auto" else str(chosen), {})
