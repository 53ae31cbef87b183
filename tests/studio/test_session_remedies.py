"""What a session sends to the trainer when a person presses a button that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import override

from seqstudio.blocks.editing import set_param
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.project import parse_project
from seqstudio.records.faults import ApplyGraph, GraphApplied, Remedy
from seqstudio.records.messages import Command, Event, Failed, Resume, SetLive, Start, StateChanged
from seqstudio.runtime.runner import Runner
from seqstudio.studio.session import Notice, Session


class Desk(Runner):
    """A runner whose trainer is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Command] = []

    @override
    def warm_up(self) -> None:
        pass

    @override
    def send(self, command: Command) -> None:
        self.sent.append(command)

    @property
    @override
    def alive(self) -> bool:
        return False

    @override
    def close(self, timeout: float) -> bool:
        return True

    def say(self, *events: Event) -> None:
        for event in events:
            self._say(event)

    def taken(self) -> list[Command]:
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def session(qtbot) -> Iterator[Session]:
    session = Session(Document(make("hello-rnn")), threads=True)
    session.view.runner.close(0)
    session.view.runner = Desk()
    qtbot.waitUntil(lambda: session.report is not None)
    session.play()
    session.view.runner.taken()
    say(session, StateChanged("running", 0))
    yield session
    session.begin_close()
    assert session.end_close()


def say(session: Session, *events: Event) -> None:
    assert isinstance(session.view.runner, Desk)
    session.view.runner.say(*events)
    session._poll()


def taken(session: Session) -> list[Command]:
    assert isinstance(session.view.runner, Desk)
    return session.view.runner.taken()


def with_checkpoint(session: Session) -> None:
    folder = session.runs_home / session.history.run / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "latest.json").write_text("{}")


def test_a_warned_run_that_goes_on_only_gets_the_new_setting(session: Session) -> None:
    session.take_remedy(Remedy("Clip at 1", "clip", 1.5))
    assert taken(session) == [SetLive("clip", 1.5)]
    assert session.project.training.clip == 1.5


def test_a_failed_run_resumes_with_the_change(session: Session) -> None:
    with_checkpoint(session)
    say(session, StateChanged("failed", 7))
    session.take_remedy(Remedy("Half the rate", "learning_rate", 0.001, back_to=4))
    start, rate, resume = taken(session)
    assert isinstance(start, Start)
    assert (start.resume, start.paused, start.back_to) == (True, True, 4)
    assert Path(start.folder).name == session.history.run
    assert (rate, resume) == (SetLive("learning_rate", 0.001), Resume())


def test_a_narrower_block_is_applied_to_the_run_that_resumes(session: Session) -> None:
    with_checkpoint(session)
    say(session, StateChanged("failed", 7))
    session.take_remedy(Remedy("Half as wide", "hidden", 8, block="rnn"))
    start, edit, resume = taken(session)
    assert isinstance(start, Start)
    assert isinstance(edit, ApplyGraph)
    assert parse_project(start.project).graph.blocks["rnn"].params["hidden"] != 8
    assert parse_project(edit.project).graph.blocks["rnn"].params["hidden"] == 8
    assert resume == Resume()


@pytest.mark.parametrize("anew", [True, False])
def test_without_a_checkpoint_or_when_said_a_new_run_begins(session: Session, anew: bool) -> None:
    if anew:
        with_checkpoint(session)
    say(session, StateChanged("failed", 0))
    session.take_remedy(Remedy("Begin again", "clip", 1.0, anew=anew))
    (start,) = taken(session)
    assert isinstance(start, Start)
    assert not start.resume
    assert parse_project(start.project).training.clip == 1.0


def test_an_edit_is_offered_sent_and_in_force_when_the_trainer_says_so(session: Session) -> None:
    notices: list[Notice] = []
    session.notice.connect(notices.append)
    assert not session.applicable
    session.document.apply(set_param(session.project.graph, "rnn", "hidden", 8))
    assert session.applicable
    session.apply_edit()
    (sent,) = taken(session)
    assert isinstance(sent, ApplyGraph)
    assert session.applicable
    say(session, GraphApplied(12, ("Head",), (), ("RNN",), (), 99, sent.project))
    assert not session.applicable
    assert session.run_project is not None
    assert session.run_project.graph.blocks["rnn"].params["hidden"] == 8
    (told,) = notices
    assert told.what == "The edit is in force from step 13"
    assert told.why == "Kept: Head. Starts fresh: RNN"


def test_a_refused_edit_leaves_the_offer(session: Session) -> None:
    session.document.apply(set_param(session.project.graph, "rnn", "hidden", 8))
    session.apply_edit()
    say(session, Failed("The edit was not applied", "the disk is full", "", fatal=False))
    assert session.applicable
