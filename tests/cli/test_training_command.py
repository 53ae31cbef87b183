"""train: budgets, names, JSON lines, stopping, continuing exactly, honest endings."""

import json
import math
import signal
from pathlib import Path

import pytest

from seqstudio.cli import telling
from seqstudio.cli.console import ProgressLine
from seqstudio.cli.telling import Teller, beside_floor, best_validation, clock
from seqstudio.document.project import load_project
from seqstudio.records.messages import Envelope
from seqstudio.records.readings import Validation
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.runtime.history import RunHistory

FIXED = ("--threads", "1", "--precision", "float32")


@pytest.fixture
def hello(call, tmp_path: Path) -> Path:
    assert call("new", "hello-rnn", tmp_path / "h.seq").code == 0
    return tmp_path / "h.seq"


def test_train_ends_at_the_budget_and_says_how_it_stands(call, hello: Path) -> None:
    told = call("train", hello, "--steps", "30", "--run", "first")
    assert told.code == 0, told.err
    assert told.lines[0].startswith("first finished at step 30")
    assert "above the floor by" in told.lines[1] or "below the floor by" in told.lines[1]
    assert told.lines[3].split() == ["floor", "0.347", "no", "memory"]
    assert told.lines[4].split()[:2] == ["chance", "1.386"]
    history = open_run(hello.parent / "h.runs" / "first")
    assert (history.state, history.step) == ("finished", 30)
    final = history.validations[-1].loss
    assert f"{final:.3f}" in told.lines[1]
    assert load_project(hello.parent / "h.runs" / "first" / "project.seq").training.steps == 30
    assert load_project(hello).training.steps == 800


def test_runs_are_named_in_order_and_a_name_is_taken_once(call, hello: Path) -> None:
    for _ in range(2):
        assert call("train", hello, "--steps", "2").code == 0
    assert {run.name for run in list_runs(hello.parent / "h.runs")} == {"rnn-1", "rnn-2"}
    told = call("train", hello, "--steps", "2", "--run", "rnn-1")
    assert told.code == 2
    assert "There is already a run rnn-1. Add --resume to continue it" in told.err
    told = call("train", hello, "--run", "../../out")
    assert told.code == 2
    assert "A run cannot be called" in told.err


def test_json_lines_are_whole_and_thinned(call, hello: Path) -> None:
    told = call("train", hello, "--steps", "400", "--json", "--seed", "3")
    assert told.code == 0
    records = told.records
    kinds = [record["event"] for record in records]
    assert kinds[0] == "state"
    assert kinds[-1] == "end"
    assert {"facts", "metrics", "validation", "sample", "saved"} <= set(kinds)
    metrics = [record for record in records if record["event"] == "metrics"]
    assert sum(record["steps"] for record in metrics) == 400
    assert metrics[-1]["step"] == 400
    assert len(metrics) < 40
    end = records[-1]
    assert end["state"] == "finished"
    assert end["floor"] == pytest.approx(math.log(2) / 2)
    assert end["chance"] == pytest.approx(math.log(4))
    validations = [record for record in records if record["event"] == "validation"]
    whole = [record["loss"] for record in validations if record["complete"]]
    assert end["best"]["loss"] == min(whole)
    finished = [record for record in records if record["event"] == "state"]
    assert finished[-1]["state"] == "finished"


def _interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Press Ctrl+C, once, when the run has told of this step."""
    pressed: list[int] = []
    hear = Teller.hear

    def heard(self: Teller, envelope: Envelope) -> None:
        hear(self, envelope)
        if self.history.step >= step and not pressed:
            pressed.append(step)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Teller, "hear", heard)


def test_minutes_set_the_budget(call, hello: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupt_at(monkeypatch, 5)
    assert call("train", hello, "--minutes", "0.5", "--run", "short").code == 130
    training = load_project(hello.parent / "h.runs" / "short" / "project.seq").training
    assert (training.budget, training.minutes) == ("minutes", 0.5)


def test_ctrl_c_saves_and_resume_continues_exactly(
    call, made: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = call("train", project, "--steps", "60", *FIXED, "--run", "whole", "--json")
    assert whole.code == 0
    with monkeypatch.context() as patched:
        _interrupt_at(patched, 20)
        cut = call("train", project, "--steps", "60", *FIXED, "--run", "cut")
    assert cut.code == 130, cut.err
    assert "cut stopped at step" in cut.out
    stopped = open_run(project.parent / "small.runs" / "cut")
    assert stopped.state == "stopped"
    assert 20 <= stopped.step < 60
    rest = call("train", project, "--resume", "--run", "cut")
    assert rest.code == 0, rest.err
    first = open_run(project.parent / "small.runs" / "whole").curves
    second = open_run(project.parent / "small.runs" / "cut").curves
    assert second.steps.tolist() == list(range(1, 61))
    assert second.loss.tolist() == first.loss.tolist()
    assert "Continuing cut of small.seq" in rest.err


def test_resume_takes_the_newest_run_and_its_own_project(call, project: Path) -> None:
    content = json.loads(project.read_text(encoding="utf-8"))
    content["training"]["batch"] = 8
    project.write_text(json.dumps(content), encoding="utf-8")
    told = call("train", project, "--resume", "--steps", "25")
    assert told.code == 0, told.err
    (run,) = list_runs(project.parent / "small.runs")
    assert run.step == 25
    assert load_project(run.folder / "project.seq").training.batch == 4


def test_resuming_a_run_whose_budget_is_spent_trains_nothing(call, project: Path) -> None:
    told = call("train", project, "--resume")
    assert told.code == 0
    assert "has spent its budget already; --steps or --minutes make it longer" in told.err
    assert told.lines[0].startswith("lstm-1 finished at step 20")
    assert list_runs(project.parent / "small.runs")[0].step == 20


@pytest.mark.parametrize(
    "option", [("--seed", "1"), ("--threads", "1"), ("--precision", "float32")]
)
def test_what_would_make_a_resumed_run_another_is_refused(
    call, project: Path, option: tuple[str, str]
) -> None:
    told = call("train", project, "--resume", *option)
    assert told.code == 2
    assert f"{option[0]} does not go with --resume" in told.err


def test_data_that_changed_since_end_the_resumed_run_in_one_line(call, project: Path) -> None:
    text = project.parent / "text.txt"
    text.write_text(text.read_text(encoding="utf-8")[::-1], encoding="utf-8")
    told = call("train", project, "--resume", "--steps", "30")
    assert told.code == 2
    assert "The data have changed since this run was saved" in told.err.splitlines()[-1]
    assert told.out == ""


def test_a_mistake_of_ours_in_a_run_is_1(
    call, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_trainer: object) -> bool:
        raise IndexError("list index out of range")

    monkeypatch.setattr("seqstudio.engine.trainer.Trainer.advance", broken)
    told = call("train", hello, "--steps", "5")
    assert told.code == 1
    assert "mistake in the program: IndexError" in told.err


def test_nobody_listening_any_more_stops_the_run_with_a_checkpoint(
    call, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def closed(record: object) -> None:
        told.append(record)
        if len(told) > 3:
            raise BrokenPipeError

    monkeypatch.setattr(telling, "print_json", closed)
    assert call("train", hello, "--steps", "100000", "--json").code == 141
    (run,) = list_runs(hello.parent / "h.runs")
    assert run.state == "stopped"
    assert list((run.folder / "checkpoints").glob("step-*.safetensors"))


def test_the_best_is_chosen_among_losses_on_the_same_data() -> None:
    history = RunHistory("a")
    history.extend([Validation(10, 1.2, 0.5, 100, complete=False, best=True)])
    assert best_validation(history).step == 10
    history.extend(
        [
            Validation(10, 1.5, 0.5, 900, complete=True, best=False),
            Validation(20, 1.4, 0.5, 900, complete=True, best=True),
            Validation(30, math.nan, 0.5, 900, complete=True, best=False),
        ]
    )
    assert best_validation(history).step == 20


@pytest.mark.parametrize(
    ("loss", "floor", "words"),
    [
        (1.4, 1.52, "below the floor by 0.120"),
        (1.55, 1.52, "above the floor by 0.030"),
        (1.5201, 1.52, "at the floor"),
        (math.nan, 1.52, "not to be compared with the floor"),
    ],
)
def test_a_loss_beside_its_floor(loss: float, floor: float, words: str) -> None:
    assert beside_floor(loss, floor) == words


def test_times_in_words() -> None:
    assert [clock(seconds) for seconds in (0.4, 59.4, 59.6, 185, 7385)] == [
        "0 s", "59 s", "1:00", "3:05", "2:03:05",
    ]  # fmt: skip


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self, *, tty: bool) -> None:
        self.text, self.tty = "", tty

    def isatty(self) -> bool:
        return self.tty

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_the_progress_line_renews_itself_on_a_terminal_only() -> None:
    there, log = Terminal(tty=True), Terminal(tty=False)
    for stream in (there, log):
        line = ProgressLine(stream=stream)  # type: ignore[arg-type]
        line.show("step 100")
        line.show("step 9")
        line.say("done")
    assert there.text == "\rstep 100\rstep 9  " + "\r" + " " * 6 + "\rdone\n"
    assert log.text == "step 100\nstep 9\ndone\n"
