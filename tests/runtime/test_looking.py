"""Looks inside through real runners: beside a run, back in time, and never in its way."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.records.inside.spectrum import SpectrumOf
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.records.messages import Checkpoint, Pause, Resume, Saved, Stop
from seqstudio.runtime.codec import pack, unpack

Desk = Any  # of conftest.py


def wish(desk: Desk, request: int, view: str = "map", step: int = -1, run: str = "rnn-1",
         question: object | None = None) -> LookAt:  # fmt: skip
    folder = str(desk.folder / run) if run else ""
    return LookAt(request, view, question or TimeMapOf(4), desk.tiny(), "", folder, step)


def look(desk: Desk, request: int, **more: Any) -> Looked | LookFailed:
    desk.send(wish(desk, request, **more))
    found: list[Any] = []

    def came() -> bool:
        answers = [e for e in desk.events if isinstance(e, (Looked, LookFailed))]
        found[:] = [e for e in answers if e.request == request]
        return bool(found)

    desk.until(came, f"look {request}")
    return found[0]


def test_a_look_needs_no_run(desk_of: Any, shared_runner: Any, tmp_path: pathlib.Path) -> None:
    desk = desk_of(shared_runner, tmp_path)
    told = look(desk, 1, run="")
    assert isinstance(told.reading, TimeMap)
    assert (told.weights, told.step) == ("untrained weights, seed 0", 0)


def test_looks_follow_a_run_and_change_nothing_of_it(desk: Desk) -> None:
    desk.start()
    desk.until(lambda: len(desk.steps()) > 5, "steps")
    first = look(desk, 11)
    desk.until(lambda: desk.steps()[-1] > first.step + 5, "more steps")
    second = look(desk, 12)
    assert second.step > first.step > 0
    assert not np.array_equal(first.reading.log10_h, second.reading.log10_h, equal_nan=True)
    desk.send(Pause())
    paused = desk.until_state("paused")
    assert look(desk, 13).step == paused.step
    desk.send(Resume())
    desk.until(lambda: desk.steps()[-1] > paused.step, "steps again")
    desk.send(Stop())
    stopped = desk.until_state("stopped")
    assert desk.steps() == list(range(1, stopped.step + 1))
    assert not desk.failed()


def test_an_older_step_is_asked_of_the_weights_that_were_kept(desk: Desk) -> None:
    desk.start()
    desk.until(lambda: len(desk.steps()) > 5, "steps")
    desk.send(Pause())
    paused = desk.until_state("paused")
    now = look(desk, 21)
    desk.send(Checkpoint())
    desk.until_event(Saved)
    desk.send(Resume())
    desk.until(lambda: desk.steps()[-1] > paused.step + 20, "more steps")
    then = look(desk, 22, step=paused.step + 3)
    assert then.step == paused.step
    np.testing.assert_array_equal(then.reading.log10_h, now.reading.log10_h)
    start = look(desk, 23, step=0)
    assert start.weights == "untrained weights, seed 0"
    desk.send(Stop())
    desk.until_state("stopped")
    np.testing.assert_array_equal(
        look(desk, 24, step=paused.step).reading.log10_h, now.reading.log10_h
    )


def test_the_newest_wish_of_a_view_counts_and_every_view_is_served(desk: Desk) -> None:
    desk.start()
    desk.until(lambda: len(desk.steps()) > 2, "steps")
    for request in range(100, 130):
        desk.send(wish(desk, request))
    desk.send(wish(desk, 200, view="spectrum", question=SpectrumOf()))

    def answered(request: int) -> bool:
        return any(e.request == request for e in desk.seen(Looked))

    desk.until(lambda: answered(129) and answered(200), "both views")
    assert len([e for e in desk.seen(Looked) if e.view == "map"]) < 30
    desk.send(Stop())
    desk.until_state("stopped")


def test_what_cannot_be_looked_at_is_an_answer(desk: Desk) -> None:
    told = look(desk, 31, run="", question=TimeMapOf(4, block="no such block"))
    assert isinstance(told, LookFailed)
    assert told.what


def test_questions_and_answers_cross_the_border_whole() -> None:
    asked = LookAt(1, "here", TimeMapOf(7, "rnn"), "{}", "", "", 3, "hello")
    assert unpack(pack(asked)) == asked
    values = np.array([[0.0, np.nan], [-np.inf, 1.0]])
    reading = TimeMap("rnn", "rnn", ("a", "b"), values, None, (0, 1), np.ones(2))
    back = unpack(pack(Looked(1, "here", reading, 3, "step 3", 0.1)))
    np.testing.assert_array_equal(back.reading.log10_h, values)
    assert back.reading.tokens == ("a", "b")
