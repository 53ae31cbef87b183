"""Two processes that train one model: the numbers are those of one process.

Run as a program with a folder, this file is one of the two.
"""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.document.project import Project, project_text
from seqstudio.engine import distributed, following
from seqstudio.engine.checkpoint import load_latest
from seqstudio.engine.learner import Learner
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event, Start
from seqstudio.records.readings import GradientReading, Metrics

STEPS, LATER = 15, 25
TOLERANCE = 1e-5
LIMIT_S = 240
IDLE_SEED = 7
CASES = {
    # eight rows: rank 0 has the four that are probed
    "rnn": ("char-rnn", {"batch": 8, "clip": 0.05}),
    # five rows: two and three, so every rank's mean would weigh wrongly
    "lstm": ("char-lstm", {"batch": 5}),
    "gpt": ("char-gpt", {"batch": 5}),
    "seq2seq": ("reverse-seq2seq", {"batch": 7, "label_smoothing": 0.1}),
    "idle": ("char-rnn", {"batch": 7, "accumulate": 2, "seed": IDLE_SEED}),
}
SMALL = {"hidden": 24, "width": 24, "layers": 1, "heads": 2, "share": 0.0, "dropout": 0.0}


def small(case: str, home: Path) -> Project:
    template, settings = CASES[case]
    path = home / "text.txt"
    if not path.exists():
        path.write_text("".join(chr(97 + (i * i + i // 7) % 26) for i in range(4000)))
    project = make(template, str(path) if template.startswith("char") else "")
    fixed = {"budget": "steps", "steps": 100, "precision": "float32", "threads": 1, "window": 16}
    training = project.training
    for name, value in {**fixed, **settings}.items():
        training = training.with_value(name, value)
    graph = project.graph
    for block in list(graph):
        for name in SMALL.keys() & set(block.params):
            graph = graph.with_block(graph.blocks[block.id].with_param(name, SMALL[name]))
    return replace(project, training=training, graph=graph)


def changed(trainer: Trainer) -> None:
    """Change settings and the graph of a run that goes on."""
    go(trainer, 4)
    trainer.set_live("batch", 6)
    trainer.set_live("clip", 0.02)
    trainer.set_live("window", 12)
    go(trainer, 8)
    trainer.edit(project_text(deeper(trainer.project)), lambda _: None)
    go(trainer, STEPS)


def deeper(project: Project) -> Project:
    block = next(block for block in project.graph if "hidden" in block.params)
    return project.with_graph(project.graph.with_block(block.with_param("layers", 2)))


def measured(trainer: Trainer) -> dict[str, tuple[float, ...]]:
    """Return the score of the model, and of another one of the same graph."""
    other = copy.deepcopy(trainer.model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.9)
    found = {}
    for name, model in (("own", trainer.model), ("other", other)):
        *_, score = trainer.learner.score(model, trainer.dataset, 16)
        found[name] = score.numbers_of()
    return found


class Heard:
    """What a run told: the loss of every step, and the first gradients through time."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.flow: list[float] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Metrics):
            self.losses += event.loss.tolist()
            self.norms += event.grad_norm.tolist()
        elif isinstance(event, GradientReading) and event.layers and not self.flow:
            self.flow = np.asarray(event.layers[0].total_h).ravel().tolist()

    def as_dict(self) -> dict[str, list[float]]:
        return {"losses": self.losses, "norms": self.norms, "flow": self.flow}


def start_of(case: str, home: Path, folder: str, *, resume: bool = False) -> Start:
    return Start("r", project_text(small(case, home)), "", folder, "cpu", resume=resume)


def go(trainer: Trainer, until: int) -> None:
    while trainer.step < until:
        assert trainer.advance()
    trainer.flush()


def alone(start: Start, until: int) -> Heard:
    heard = Heard()
    trainer = Trainer.open(start, heard, _maker(start))
    go(trainer, until)
    trainer.checkpoint()
    return heard


def _maker(start: Start) -> type[Learner]:
    return IdleAlone if f'"seed": {IDLE_SEED}' in start.project else Learner


def give_idle_parameter(learner: Learner) -> None:
    learner.model.register_parameter("idle", torch.nn.Parameter(torch.ones(3)))
    learner.parameters.append(learner.model.idle)


class IdleAlone(Learner):
    """A learner whose model has a parameter that the loss does not depend on."""

    def __init__(self, project: Project, dataset: Dataset, device: torch.device) -> None:
        super().__init__(project, dataset, device)
        give_idle_parameter(self)


class IdleShared(distributed.SharedLearner):
    def __init__(self, project: Project, *rest: object) -> None:
        super().__init__(project, *rest)  # type: ignore[arg-type]
        if project.training.seed == IDLE_SEED:
            give_idle_parameter(self)


# ---------------------------------------------------------------- one of the two processes


def lead(ranks: distributed.Ranks, home: Path) -> None:
    found: dict[str, object] = {}
    for case in CASES:
        heard = Heard()
        start = start_of(case, home, str(home / f"{case}-2"))
        trainer = distributed.open_leading(ranks, start, heard)
        go(trainer, STEPS)
        trainer.checkpoint()
        found[case] = heard.as_dict()
    for case in ("lstm", "seq2seq"):
        trainer = distributed.open_leading(ranks, start_of(case, home, ""), Heard())
        go(trainer, 3)
        found[f"score {case}"] = measured(trainer)
    heard = Heard()
    changed(distributed.open_leading(ranks, start_of("lstm", home, ""), heard))
    found["changed"] = heard.as_dict()
    for name, folder in (("from one", "lstm-1"), ("from two", "lstm-2")):
        heard = Heard()
        start = start_of("lstm", home, str(home / folder), resume=True)
        go(distributed.open_leading(ranks, start, heard), LATER)
        found[name] = heard.as_dict()
    lonely = replace(
        small("rnn", home), training=small("rnn", home).training.with_value("batch", 1)
    )
    try:
        distributed.open_leading(ranks, Start("r", project_text(lonely), "", "", "cpu"), Heard())
    except RunError as error:
        found["refusal"] = error.sentence()
    (home / "found.json").write_text(json.dumps(found))


def work(home: Path) -> None:
    distributed.SharedLearner = IdleShared  # type: ignore[misc]
    ranks = distributed.Ranks()
    try:
        if ranks.leads:
            lead(ranks, home)
        else:
            following.follow(ranks, home)
    finally:
        ranks.end()


# ------------------------------------------------------------------------------- the tests


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def one(home: Path) -> dict[str, Heard]:
    return {case: alone(start_of(case, home, str(home / f"{case}-1")), STEPS) for case in CASES}


@pytest.fixture(scope="module")
def two(home: Path, one: dict[str, Heard]) -> dict[str, dict[str, list[float]]]:
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    shared |= {"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    root = str(Path(distributed.__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(home)],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank),
                 "PYTHONPATH": root},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    ends = [process.communicate(timeout=LIMIT_S) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert all("Warning" not in err for _, err in ends), ends
    found: dict[str, dict[str, list[float]]] = json.loads((home / "found.json").read_text())
    return found


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_one_process(case: str, one, two) -> None:
    assert len(two[case]["losses"]) == STEPS
    assert two[case]["losses"] == pytest.approx(one[case].losses, abs=TOLERANCE)
    assert two[case]["norms"] == pytest.approx(one[case].norms, rel=1e-3)


def test_gradients_through_time_are_scaled_by_the_whole_batch(one, two) -> None:
    assert len(one["rnn"].flow) == 16
    assert two["rnn"]["flow"] == pytest.approx(one["rnn"].flow, rel=1e-3)


@pytest.mark.parametrize("before", ["from one", "from two"])
def test_any_number_of_processes_goes_on_from_a_checkpoint(before: str, home, one, two) -> None:
    rest = two[before]["losses"]
    whole = alone(start_of("lstm", home, str(home / "whole")), LATER)
    assert len(rest) == LATER - STEPS
    assert rest == pytest.approx(whole.losses[STEPS:], abs=TOLERANCE)


def test_one_process_goes_on_from_a_checkpoint_of_two(home, two) -> None:
    whole = alone(start_of("lstm", home, str(home / "again")), LATER)
    rest = alone(start_of("lstm", home, str(home / "lstm-2"), resume=True), LATER)
    assert rest.losses == pytest.approx(whole.losses[STEPS:], abs=TOLERANCE)


def test_a_checkpoint_of_two_holds_the_state_of_all_rows(home, two) -> None:
    ours, theirs = (load_latest(home / f"lstm-{count}").part("state") for count in (2, 1))
    assert {key: value.shape for key, value in ours.items()} == {
        key: value.shape for key, value in theirs.items()
    }


def test_live_changes_and_an_edit_reach_all_processes(home, two) -> None:
    heard = Heard()
    changed(Trainer.open(start_of("lstm", home, ""), heard))
    assert len(heard.losses) == STEPS
    assert two["changed"]["losses"] == pytest.approx(heard.losses, abs=TOLERANCE)
    assert two["changed"]["norms"] == pytest.approx(heard.norms, rel=1e-3)


@pytest.mark.parametrize("case", ["lstm", "seq2seq"])
@pytest.mark.parametrize("which", ["own", "other"])
def test_processes_share_the_held_out_rows(case: str, which: str, home, two) -> None:
    trainer = Trainer.open(start_of(case, home, ""), Heard())
    go(trainer, 3)
    total, count, right, *rest = measured(trainer)[which]
    shared = two[f"score {case}"][which]
    assert shared[0] / count == pytest.approx(total / count, abs=1e-6)
    assert shared[1:] == [count, right, *rest]
    assert count > 100


def test_more_processes_than_rows_are_refused_in_words(two) -> None:
    assert two["refusal"] == (
        "2 processes cannot share 1 rows of a batch: each process needs at least one "
        "row. Start fewer processes, or make the batch larger."
    )


if __name__ == "__main__":
    work(Path(sys.argv[1]))
