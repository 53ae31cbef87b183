"""What goes wrong while a model trains: noticed at once, named, survived, with what helps.

Rows 11, 12 and 14 of the trust matrix. `long` holds the full figures.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqstudio.blocks.templates import make
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.engine import checkpoint as store
from seqstudio.engine.failures import NumbersError, Watch, calming, shrinking
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import (
    Checkpoint,
    Envelope,
    Event,
    Failed,
    Saved,
    Start,
    StateChanged,
)
from seqstudio.records.readings import Metrics
from seqstudio.runtime import worker
from seqstudio.runtime.supervisor import ProcessRunner

PATIENCE_S = 60.0
GOOD_STEPS = 4
ENDLESS = 10**8


def small(template: str, tmp_path: Path, **training: object) -> Project:
    """Return a project of a template's kind that makes a step in milliseconds."""
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 200)
    project = make(template, str(text) if template.startswith("char") else "")
    fixed = {"budget": "steps", "steps": ENDLESS, "threads": 1, "precision": "float32",
             "batch": 4, "window": 12, "warmup": 0, "schedule": "constant"}  # fmt: skip
    settings = type(project.training).parse({**project.training.as_dict(), **fixed, **training})
    graph = project.graph
    for block in list(graph):
        for name in {"hidden", "width"} & set(block.params):
            graph = graph.with_block(graph.blocks[block.id].with_param(name, 24))
    data = project.data
    if "length" not in data.idle():
        data = data.with_value("length", 12)
    sampling = project.sampling.with_value("length", 8)
    return dataclasses.replace(
        project, training=settings, graph=graph, data=data, sampling=sampling
    )


def begin(project: Project, folder: Path, **settings: Any) -> tuple[Trainer, list[Event]]:
    said: list[Event] = []
    start = Start("r", project_text(project), "", str(folder), "cpu", probes=False, **settings)
    return Trainer.open(start, said.append), said


# ------------------------------------------------------- row 11: numbers that are not finite


def data_gives(value: float) -> Callable[[Trainer], None]:
    def spoil(trainer: Trainer) -> None:
        draw = trainer.dataset.batch

        def drawn(*args: Any) -> Any:
            batch = draw(*args)
            inputs = np.array(batch.inputs)
            inputs[0, 0, 0] = value
            return dataclasses.replace(batch, inputs=inputs)

        object.__setattr__(trainer.dataset, "batch", drawn)

    return spoil


def block_gives(block: str, value: float) -> Callable[[Trainer], None]:
    """Let one number that a block gives be another one."""

    def spoil(trainer: Trainer) -> None:
        def change(_module: Any, _given: Any, out: Any) -> Any:
            whole = out[0] if isinstance(out, tuple) else out
            spoilt = torch.cat([whole[:1] * value, whole[1:]])
            return (spoilt, *out[1:]) if isinstance(out, tuple) else spoilt

        trainer.model.module(block).register_forward_hook(change)

    return spoil


def gradient_of(name: str, value: float) -> Callable[[Trainer], None]:
    def spoil(trainer: Trainer) -> None:
        trainer.model.get_parameter(name).register_hook(lambda grad: grad * value)

    return spoil


def log_of_zero(trainer: Trainer) -> None:
    losses = trainer.model.losses

    def spoilt(*args: Any) -> Tensor:
        good: Tensor = losses(*args)
        return good - torch.log(torch.zeros_like(good))

    object.__setattr__(trainer.model, "losses", spoilt)


INF, NAN = float("inf"), float("nan")
CASES: list[tuple[str, Callable[[Trainer], None], str]] = [
    ("adding-rnn", data_gives(INF), "the data"),
    ("char-lstm", block_gives("embedding", INF), "what Embedding gives"),
    ("char-gpt", log_of_zero, "the loss"),
    ("char-lstm", gradient_of("blocks.lstm.cells.0.weight_hh_l0", NAN), "the gradient of LSTM"),
    ("adding-lstm", data_gives(NAN), "the data"),
    ("adding-rnn", data_gives(-INF), "the data"),
    ("adding-lstm", block_gives("lstm", 1e39), "what LSTM gives"),  # no float32
    ("char-lstm", block_gives("lstm", NAN), "what LSTM gives"),
    ("char-lstm", block_gives("next_token", INF), "what Next-token head gives"),
    ("char-gru", block_gives("gru", INF), "what GRU gives"),
    ("char-rnn", block_gives("rnn", NAN), "what RNN gives"),
    ("char-rnn", block_gives("embedding", NAN), "what Embedding gives"),
    ("char-gpt", block_gives("embedding", INF), "what Embedding gives"),
    ("adding-rnn", block_gives("rnn", NAN), "what RNN gives"),
    ("char-lstm", log_of_zero, "the loss"),
    ("adding-lstm", log_of_zero, "the loss"),
    ("char-rnn", gradient_of("blocks.rnn.cells.0.weight_hh_l0", INF), "the gradient of RNN"),
    ("char-gru", gradient_of("blocks.embedding.weight", NAN), "the gradient of Embedding"),
    ("char-gru", gradient_of("blocks.next_token.linear.weight", INF), "Next-token head"),
    ("hello-rnn", log_of_zero, "the loss"),
]  # fmt: skip
NAMES = [f"{template} {number}" for number, (template, _, _) in enumerate(CASES)]


def all_finite(trainer: Trainer) -> bool:
    return all(bool(p.isfinite().all()) for p in trainer.model.parameters())


def check_case(case: tuple[str, Callable[[Trainer], None], str], tmp_path: Path) -> None:
    template, spoil, words = case
    trainer, said = begin(small(template, tmp_path), tmp_path / "run")
    while trainer.step < GOOD_STEPS:
        trainer.advance()
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    spoil(trainer)
    with pytest.raises(NumbersError, match="not finite") as caught:
        trainer._train()
    assert trainer.step == GOOD_STEPS  # noticed before the step was applied
    assert words in caught.value.why
    assert caught.value.hint
    after = trainer.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    told = [each for each in said if isinstance(each, Metrics)]
    assert all(np.isfinite(each.loss).all() and np.isfinite(each.grad_norm).all() for each in told)
    trainer.checkpoint()
    saved = store.load_latest(tmp_path / "run")
    assert saved.step == GOOD_STEPS
    assert all(bool(value.isfinite().all()) for value in saved.tensors.values())


@pytest.mark.parametrize("case", CASES[:4], ids=NAMES[:4])
def test_numbers_that_are_not_finite_are_noticed_within_the_step(case, tmp_path):
    check_case(case, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_all_twenty_cases_are_noticed_within_the_step(case, tmp_path):
    check_case(case, tmp_path)


def test_a_block_inside_a_block_is_named_by_its_place(tmp_path):
    from seqstudio.blocks.check import check
    from seqstudio.blocks.opening import opened

    project = small("char-lstm", tmp_path)
    trainer, _ = begin(project, tmp_path / "first")
    context = check(project.graph, trainer.model.facts).contexts["lstm"]
    block = opened(project.graph.blocks["lstm"], context)
    assert block is not None
    trainer, _ = begin(project.with_graph(project.graph.with_block(block)), tmp_path / "run")
    trainer.advance()
    cell = trainer.model.module("lstm")
    cell.blocks["forget"].register_forward_hook(lambda _m, _i, out: out * NAN)
    with pytest.raises(NumbersError) as caught:
        trainer._train()
    assert "LSTM › forget gate f" in caught.value.why


def exploding(tmp_path: Path) -> Project:
    """Return a model that really explodes: a ReLU RNN with a radius of 1.5 and no clipping."""
    project = small("char-rnn", tmp_path, optimizer="sgd", learning_rate=0.1, clip=0.0, window=40)
    rnn = project.graph.blocks["rnn"]
    for name, value in (("nonlinearity", "relu"), ("init", "scaled"), ("radius", 1.5)):
        rnn = rnn.with_param(name, value)
    return project.with_graph(project.graph.with_block(rnn))


def heard_here(project: Project, folder: Path, **settings: Any) -> list[Event]:
    heard: list[Envelope] = []
    start = Start("r", project_text(project), "", str(folder), "cpu", probes=False, **settings)
    worker.train_here(start, heard.append, lambda: False)
    return [each.event for each in heard]


def failed_in(events: list[Event]) -> Failed:
    (failed,) = [each for each in events if isinstance(each, Failed) and each.fatal]
    return failed


def test_a_run_that_explodes_keeps_its_last_good_state_and_offers_what_helps(tmp_path):
    events = heard_here(exploding(tmp_path), tmp_path / "run")
    failed = failed_in(events)
    assert "RNN" in failed.why
    saved = store.load_latest(tmp_path / "run")
    assert all(bool(value.isfinite().all()) for value in saved.tensors.values())
    words = ["Begin again, clip at 1", "Begin again, half the rate", "Go on without this batch"]
    assert [each.words for each in failed.remedies] == words
    assert [each.value for each in failed.remedies] == [1.0, 0.05, 0.0]
    assert not (tmp_path / "run" / "checkpoints" / "best.json").exists()
    (stopped,) = [e for e in events if isinstance(e, StateChanged) and e.state == "failed"]
    assert (saved.step, stopped.step) == (stopped.step, saved.step)


def test_the_offer_to_clip_really_helps(tmp_path):
    project = exploding(tmp_path)
    clip = failed_in(heard_here(project, tmp_path / "run")).remedies[0]
    calm = project.training.with_value(clip.setting, clip.value).with_value("steps", 60)
    events = heard_here(dataclasses.replace(project, training=calm), tmp_path / "next")
    losses = np.concatenate([each.loss for each in events if isinstance(each, Metrics)])
    assert len(losses) == 60
    assert losses[-1] < losses[0]


def test_going_back_to_an_older_step_is_offered_where_there_is_one(tmp_path):
    trainer, _ = begin(small("char-rnn", tmp_path, clip=0.5), tmp_path / "run")
    for step in (2, 5):
        while trainer.step < step:
            trainer.advance()
        trainer.checkpoint()
    trainer.advance()
    rate = trainer.learner.settings.learning_rate / 2
    half, back = calming(trainer)
    assert (half.words, half.value, half.back_to) == ("Half the rate", rate, -1)
    assert (back.words, back.value, back.back_to) == ("Back to step 5, half the rate", rate, 5)
    assert calming(trainer, broken=True)[0] == back


def test_weights_that_are_not_numbers_are_never_kept(tmp_path):
    trainer, said = begin(small("char-lstm", tmp_path), tmp_path / "run")
    trainer.advance()
    trainer.checkpoint()
    with torch.no_grad():
        trainer.model.get_parameter("blocks.embedding.weight").fill_(NAN)
    trainer.save_best()
    with pytest.raises(Exception, match="not finite"):
        trainer.checkpoint()
    assert [each.best for each in said if isinstance(each, Saved)] == [False]
    assert store.load_best(tmp_path / "run").step == store.load_latest(tmp_path / "run").step


def rows(steps: range, loss: float) -> Metrics:
    n = np.ones(len(steps))
    whole = np.array(steps)
    return Metrics(whole, n * loss, n, n, n, n, whole)


def test_a_loss_far_above_its_start_warns_once_and_again_after_it_calmed():
    said: list[Event] = []
    watch = Watch(said.append, 2.0, tuple)

    def warnings() -> list[str]:
        return [each.why for each in said if isinstance(each, Failed)]

    watch(rows(range(1, 10), 1.5))
    watch(rows(range(10, 15), 6.5))
    watch(rows(range(15, 16), 1.5))  # a spike is no explosion
    assert warnings() == []
    watch(rows(range(16, 60), 6.5))
    assert warnings() == ["it was 2 at the start and is 6.5 at step 25"]
    watch(rows(range(60, 61), 1.0))
    watch(rows(range(61, 80), 6.5))
    assert len(warnings()) == 2
    assert all(not each.fatal for each in said if isinstance(each, Failed))


# ----------------------------------------------------------------- row 12: out of memory


def test_too_little_memory_in_a_step_keeps_the_run_and_offers_a_smaller_batch(
    tmp_path, monkeypatch
):
    project = small("char-lstm", tmp_path, steps=12)
    learn = worker.Trainer._train
    left = [GOOD_STEPS]

    def stumble(trainer: Trainer) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        learn(trainer)

    with monkeypatch.context() as broken:
        broken.setattr(worker.Trainer, "_train", stumble)
        events = heard_here(project, tmp_path / "run")
    failed = failed_in(events)
    assert "memory" in failed.what
    words = [each.words for each in failed.remedies]
    assert words[:2] == ["Batch 2 in place of 4", "Window 6 in place of 12"]
    assert words[2].endswith("half as wide")
    assert store.load_latest(tmp_path / "run").step == GOOD_STEPS
    half = failed.remedies[0]
    smaller = project.training.with_value(half.setting, int(half.value))
    again = heard_here(dataclasses.replace(project, training=smaller), tmp_path / "next")
    assert again[-1] == StateChanged("finished", 12, again[-1].detail)  # type: ignore[union-attr]
    resumed = heard_here(project, tmp_path / "run", resume=True)
    first = next(each for each in resumed if isinstance(each, Metrics))
    assert int(first.steps[0]) == GOOD_STEPS + 1


def test_the_smallest_model_is_offered_nothing_smaller(tmp_path):
    assert shrinking(small("hello-rnn", tmp_path, batch=1, window=4), None) == ()


_CHILD = """
import resource, sys, threading
from pathlib import Path
from seqstudio.engine.failures import free_memory
from seqstudio.engine.meter import resident_mb
from seqstudio.records.messages import Failed, Start
from seqstudio.runtime.worker import train_here

large, small, fits, folder = sys.argv[1:5]
def train(project, name):
    heard = []
    start = Start(name, Path(project).read_text(), "", f"{folder}/{name}", "cpu", probes=False)
    state = train_here(start, heard.append, lambda: False)
    return state, [e.event for e in heard if isinstance(e.event, Failed) and e.event.fatal]
def resident():
    for thread in threading.enumerate():
        if thread.name == "seqstudio-floor":  # it counts n-grams of the data beside a run
            thread.join()
    free_memory()
    return resident_mb()
print(train(fits, "fits")[0])  # what torch loads on first use is no leak
before = resident()
used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, -1))
for turn in range(int(sys.argv[5])):
    state, failed = train(large, f"large{turn}")
    print(state, failed[0].what, len(failed[0].remedies))
    print(train(small, f"small{turn}")[0])
    print(resident() / before)
"""


def check_memory(tmp_path: Path, turns: int) -> None:
    large = small("char-lstm", tmp_path, batch=4096, window=256, steps=4)
    wide = large.graph.blocks["lstm"].with_param("hidden", 128)
    large = large.with_graph(large.graph.with_block(wide))
    fits = dataclasses.replace(large, training=dataclasses.replace(large.training, batch=4))
    files = {"large": large, "small": small("char-lstm", tmp_path, steps=5), "fits": fits}
    for name, project in files.items():
        (tmp_path / name).write_text(project_text(project))
    places = [str(tmp_path / name) for name in (*files, "runs")]
    command = [sys.executable, "-c", _CHILD, *places, str(turns)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "finished"
    sizes = []
    for turn in range(turns):
        failed, finished, grown = lines[1 + 3 * turn : 4 + 3 * turn]
        assert failed.startswith("failed There is not enough memory for this model")
        assert finished == "finished"
        sizes.append(float(grown))
    assert np.median(sizes) < 1.05
    assert max(sizes) < 1.1  # a thread's pages may wait for the next turn; a leak would add up


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc")
def test_a_model_too_large_for_the_memory_leaves_room_for_a_smaller_one(tmp_path):
    check_memory(tmp_path, turns=1)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc")
def test_twenty_models_too_large_leave_no_memory_behind(tmp_path):
    check_memory(tmp_path, turns=20)


# ------------------------------------------------------------------ row 14: native crashes


class Desk:
    """Drives a trainer process and keeps what it says."""

    def __init__(self, runner: ProcessRunner, project: Project, home: Path) -> None:
        self.runner = runner
        self.text = project_text(project)
        self.home = home
        self.said: list[Event] = []

    def start(self, name: str, **settings: Any) -> None:
        self.said = []
        folder = str(self.home / name)
        self.runner.start(Start(name, self.text, "", folder, "cpu", probes=False, **settings))

    def until(self, kind: type, **wanted: object) -> Any:
        end = time.monotonic() + PATIENCE_S
        while True:
            self.said += [each.event for each in self.runner.drain()]
            for event in self.said:
                if isinstance(event, kind) and wanted.items() <= vars(event).items():
                    return event
            assert time.monotonic() < end, f"never saw {kind.__name__} {wanted}: {self.said[-3:]}"
            time.sleep(0.01)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    runner = ProcessRunner(standby=False)
    yield Desk(runner, small("hello-rnn", tmp_path), tmp_path)
    assert runner.close(PATIENCE_S)


def check_crash(desk: Desk, name: str) -> None:
    desk.start(name)
    desk.until(Metrics)
    desk.runner.send(Checkpoint())
    saved = desk.until(Saved, best=False)
    os.kill(desk.runner.pids[0], signal.SIGABRT)  # what os.abort() does
    failed = desk.until(Failed, fatal=True)
    assert failed.what == "The trainer stopped unexpectedly"
    assert "SIGABRT" in failed.why
    assert "Fatal Python error: Aborted" in failed.trace
    assert len(re.findall(r"^(?:Current thread|Thread) 0x", failed.trace, re.M)) >= 2
    assert (desk.home / name / "crash.log").read_text() == failed.trace
    assert f"step {saved.step:,}" in failed.hint
    (offer,) = failed.remedies
    assert offer.words == f"Resume from step {saved.step:,}"
    desk.start(name, resume=True)
    assert desk.until(StateChanged, state="running").step == saved.step
    assert int(desk.until(Metrics).steps[0]) == saved.step + 1


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGABRT")
def test_a_native_crash_leaves_all_stacks_and_the_run_resumes(desk: Desk) -> None:
    check_crash(desk, "rnn-0")


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="kills with SIGABRT")
def test_ten_native_crashes_are_all_survived(desk: Desk) -> None:
    for number in range(10):
        check_crash(desk, f"rnn-{number}")


# ---------------------------------------------------------------------- a GPU that vanishes


def test_a_vanished_gpu_ends_its_process_and_resuming_is_offered(tmp_path, monkeypatch):
    project = small("char-lstm", tmp_path, steps=20)
    learn = worker.Trainer._train

    def stumble(trainer: Trainer) -> None:
        if trainer.step == GOOD_STEPS:
            raise RuntimeError("CUDA error: unspecified launch failure")
        learn(trainer)
        if trainer.step == 2:
            trainer.checkpoint()

    with monkeypatch.context() as broken:
        broken.setattr(worker.Trainer, "_train", stumble)
        failed = failed_in(heard_here(project, tmp_path / "run"))
    assert failed.what == "The GPU does not answer any more"
    assert "CUDA error" in failed.why
    assert [each.words for each in failed.remedies] == ["Resume from the last checkpoint"]
    assert store.load_latest(tmp_path / "run").step == 2  # what the dead device held is lost
    resumed = heard_here(project, tmp_path / "run", resume=True)
    assert resumed[-1].state == "finished"  # type: ignore[union-attr]


# ------------------------------------------------------------------------------- bad input


def test_a_corpus_shorter_than_a_window_is_said(tmp_path):
    project = small("char-lstm", tmp_path, window=4096)
    (tmp_path / "text.txt").write_text("abcdefgh " * 300)
    failed = failed_in(heard_here(project, tmp_path / "run"))
    assert "shorter than one window" in failed.what
    assert failed.hint == "Use a longer text or a shorter window"


@pytest.mark.parametrize("value", ["0", "-3", "1e999", '"many"'])
def test_a_setting_out_of_range_in_a_file_is_said(value, tmp_path):
    text = project_text(small("char-lstm", tmp_path)).replace('"batch": 4', f'"batch": {value}')
    with pytest.raises(Exception, match=r"Batch|1e999"):
        parse_project(text)


def test_a_checkpoint_of_a_newer_program_is_said(tmp_path):
    project = small("char-lstm", tmp_path)
    trainer, _ = begin(project, tmp_path / "run")
    trainer.advance()
    trainer.checkpoint()
    for path in (tmp_path / "run" / "checkpoints").glob("step-*.json"):
        path.write_text(path.read_text().replace('"version": 1', '"version": 99'))
    failed = failed_in(heard_here(project, tmp_path / "run", resume=True))
    assert "newer SeqStudio" in failed.what
