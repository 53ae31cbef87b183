"""What the tests of runners share: tiny projects, and a desk that collects what a run says."""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.records.messages import Command, Event, Failed, Start, State, StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.runner import Runner, ThreadRunner
from seqstudio.runtime.supervisor import ProcessRunner

PATIENCE_S = 60.0
ENDLESS = 100_000_000


def tiny(steps: int = ENDLESS, **data: object) -> str:
    """Return the text of the smallest project that trains."""
    project = make("hello-rnn")
    training = project.training.with_value("steps", steps)
    settings = type(project.data).parse({**project.data.as_dict(), **data})
    return project_text(dataclasses.replace(project, training=training, data=settings))


class Desk:
    """A person at a window: starts runs, waits for what they see, keeps what was said."""

    def __init__(self, runner: Runner, folder: pathlib.Path) -> None:
        self.runner = runner
        self.folder = folder
        self.events: list[Event] = []
        self.history = RunHistory()

    tiny = staticmethod(tiny)

    def start(self, name: str = "rnn-1", project: str | None = None, **settings: object) -> None:
        self.events, self.history = [], RunHistory(name)
        text = tiny() if project is None else project
        folder = str(self.folder / name)
        self.runner.start(Start(name, text, "", folder, **settings))  # type: ignore[arg-type]

    def send(self, command: Command) -> None:
        self.runner.send(command)

    def look(self) -> None:
        for envelope in self.runner.drain():
            assert envelope.run in {"", self.runner.run}
            self.events.append(envelope.event)
            self.history.extend([envelope.event])

    def until(self, seen: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            self.look()
            if seen():
                return
            assert time.monotonic() < end, f"never saw: {what}; {self.events[-5:]}"
            time.sleep(0.005)

    def until_state(self, wanted: State) -> StateChanged:
        self.until(lambda: self.last_state() in {wanted, "failed"}, wanted)
        assert self.last_state() == wanted, self.failed()
        return [each for each in self.events if isinstance(each, StateChanged)][-1]

    def until_event(self, kind: type, count: int = 1) -> None:
        self.until(lambda: len(self.seen(kind)) >= count, kind.__name__)

    def last_state(self) -> State | None:
        return next(
            (each.state for each in reversed(self.events) if isinstance(each, StateChanged)), None
        )

    def seen(self, kind: type) -> list[Event]:
        return [each for each in self.events if isinstance(each, kind)]

    def failed(self) -> list[Failed]:
        return [each for each in self.events if isinstance(each, Failed)]

    def steps(self) -> list[int]:
        """Return every step in the order in which it was told, joined or not."""
        told = [each.steps for each in self.events if isinstance(each, Metrics)]
        return np.concatenate(told).tolist() if told else []


RUNNERS: dict[str, Callable[[], Runner]] = {
    "process": lambda: ProcessRunner(standby=False),
    "thread": ThreadRunner,
}


@pytest.fixture(scope="module", params=RUNNERS)
def shared_runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """One runner for all tests of a module: it has to serve one run after the other anyway."""
    runner = RUNNERS[request.param]()
    runner.warm_up()
    yield runner
    assert runner.close(PATIENCE_S)


@pytest.fixture
def desk(shared_runner: Runner, tmp_path: pathlib.Path) -> Desk:
    shared_runner.drain()
    return Desk(shared_runner, tmp_path)


@pytest.fixture
def desk_of() -> type[Desk]:
    """The class of desks, for tests that bring their own runner."""
    return Desk


@pytest.fixture
def process_desk(tmp_path: pathlib.Path) -> Iterator[Desk]:
    """A desk with a trainer process of its own."""
    runner = ProcessRunner(standby=False)
    yield Desk(runner, tmp_path)
    assert runner.close(PATIENCE_S)
