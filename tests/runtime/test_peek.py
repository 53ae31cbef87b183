"""Peeks through real runners: before, during and after a run, and never in its way."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.records.messages import Pause, Resume, Stop
from seqstudio.records.peek import PeekAt, Peeked, PeekFailed
from seqstudio.runtime.codec import pack, unpack

Desk = Any  # of conftest.py


def peek(desk: Desk, request: int, text: str | None = None, block: str = "rnn") -> Peeked:
    project = desk.tiny() if text is None else text
    desk.send(PeekAt(request, project, "", (), block, "out"))
    found: list[Peeked] = []

    def came() -> bool:
        found[:] = [e for e in desk.events if isinstance(e, Peeked) and e.request == request]
        return bool(found)

    desk.until(came, f"peek {request}")
    return found[0]


def test_a_peek_needs_no_run(desk_of: Any, shared_runner: Any, tmp_path: pathlib.Path) -> None:
    desk = desk_of(shared_runner, tmp_path)
    told = peek(desk, 1)
    assert told.weights == "untrained weights, seed 0"
    assert told.picture.shape == (3, 4)


def test_peeks_follow_a_run_and_do_not_stop_it(desk: Desk) -> None:
    desk.start()
    desk.until(lambda: len(desk.steps()) > 5, "steps")
    running = peek(desk, 11)
    step = int(running.weights.removeprefix("step ").replace(",", ""))
    assert step > 0
    desk.until(lambda: desk.steps()[-1] > step + 5, "more steps")
    desk.send(Pause())
    paused = desk.until_state("paused")
    assert peek(desk, 12).weights == f"step {paused.step:,}"
    desk.send(Resume())
    desk.until(lambda: desk.steps()[-1] > paused.step, "steps again")
    desk.send(Stop())
    stopped = desk.until_state("stopped")
    assert desk.steps() == list(range(1, stopped.step + 1))
    assert not desk.failed()


def test_the_newest_of_many_wishes_is_answered(desk: Desk) -> None:
    desk.start()
    desk.until(lambda: len(desk.steps()) > 2, "steps")
    for request in range(100, 140):
        desk.send(PeekAt(request, desk.tiny(), "", (), "rnn", "out"))
    desk.until(lambda: any(e.request == 139 for e in desk.seen(Peeked)), "the newest")
    assert len(desk.seen(Peeked)) < 40
    desk.send(Stop())
    desk.until_state("stopped")


def test_a_project_that_cannot_be_read_is_an_answer(desk: Desk) -> None:
    desk.send(PeekAt(5, "no project", "", (), "rnn", "out"))
    desk.until_event(PeekFailed)
    assert desk.seen(PeekFailed)[-1].request == 5


def test_another_graph_than_the_one_that_trains_is_told_untrained(desk: Desk) -> None:
    project = make("hello-rnn")
    wider = project.graph.with_block(project.graph.blocks["rnn"].with_param("hidden", 7))
    desk.start()
    desk.until(lambda: len(desk.steps()) > 2, "steps")
    told = peek(desk, 21, project_text(dataclasses.replace(project, graph=wider)))
    assert told.weights.startswith("untrained")
    assert told.sizes[-1] == 7
    desk.send(Stop())
    desk.until_state("stopped")


def test_an_answer_crosses_the_border_whole() -> None:
    picture = np.arange(6, dtype=np.float32).reshape(2, 3)
    told = Peeked(3, ("a", "b"), "c", "out", "step 1", ("B", "T"), (2, 3), "float32", 0.1, 0.2,
                  -1.0, 1.0, 0.5, 0.0, "map", picture, ("x", "\n"), "n", 0.01)  # fmt: skip
    again = unpack(pack(told))
    np.testing.assert_array_equal(again.picture, picture)
    assert dataclasses.replace(again, picture=picture) == told
    wish = PeekAt(1, "{}", "", ("cell",), "gate", "out")
    assert unpack(pack(wish)) == wish
