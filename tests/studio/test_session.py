"""The session without a trainer: what it sends, what it makes of the answers, and how often."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from seqstudio.blocks.editing import switch_cells
from seqstudio.blocks.templates import make
from seqstudio.core.errors import ProjectError
from seqstudio.document.document import Document
from seqstudio.document.edits import MoveBlocks, RenameBlock, SetParam, SetSetting
from seqstudio.document.param import ParamError
from seqstudio.document.project import Project, parse_project
from seqstudio.records.messages import (
    Command,
    Envelope,
    Event,
    Facts,
    Failed,
    LiveChanged,
    Pause,
    Resume,
    Saved,
    SetLive,
    SetProbeText,
    Start,
    StateChanged,
    Step,
    Stop,
    Write,
)
from seqstudio.records.readings import Metrics, Sample
from seqstudio.runtime.mailbox import ROWS
from seqstudio.runtime.runner import Runner
from seqstudio.studio.session import POLL_MS, Notice, Session


class Desk(Runner):
    """A runner whose trainer is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Command] = []

    @override
    def warm_up(self) -> None:
        self.sent.append(Resume())

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


def metrics(first: int, count: int) -> Metrics:
    steps = np.arange(first, first + count)
    loss = 3.0 / steps
    return Metrics(steps, loss, loss, loss, loss * 0, steps * 0.5, steps * 64, 12.0)


@pytest.fixture
def session(qtbot) -> Iterator[Session]:
    session = Session(Document(make("hello-rnn")), threads=True)
    session.view.runner.close(0)
    session.view.runner = Desk()
    qtbot.waitUntil(lambda: session.report is not None)
    yield session
    session.begin_close()
    assert session.end_close()


@pytest.fixture
def desk(session: Session) -> Desk:
    assert isinstance(session.view.runner, Desk)
    return session.view.runner


@pytest.fixture
def heard(session: Session) -> list[Notice]:
    notices: list[Notice] = []
    session.notice.connect(notices.append)
    return notices


def running(session: Session, desk: Desk, steps: int = 5) -> Start:
    session.play()
    (start,) = desk.taken()
    assert isinstance(start, Start)
    desk.say(StateChanged("running", 0), metrics(1, steps))
    session._poll()
    return start


def test_playing_starts_a_run_with_the_project_as_it_is(session: Session, desk: Desk) -> None:
    start = running(session, desk)
    assert parse_project(start.project) == session.project
    assert Path(start.folder) == session.runs_home / "rnn-1"
    assert (start.resume, start.paused, start.device) == (False, False, "auto")
    assert (session.state, session.history.run, session.history.step) == ("running", "rnn-1", 5)
    assert session.run_project is session.project


def test_play_while_running_does_nothing_and_pause_resumes(session: Session, desk: Desk) -> None:
    running(session, desk)
    session.play()
    assert desk.taken() == []
    session.pause()
    assert desk.taken() == [Pause()]
    desk.say(StateChanged("paused", 5))
    session._poll()
    session.play()
    assert desk.taken() == [Resume()]


def test_a_step_while_paused_is_one(session: Session, desk: Desk) -> None:
    running(session, desk)
    session.step()
    session.step(3)
    assert desk.taken() == [Step(1), Step(3)]


def test_a_first_step_starts_paused(session: Session, desk: Desk) -> None:
    session.step()
    start, step = desk.taken()
    assert isinstance(start, Start)
    assert (start.paused, step) == (True, Step(1))


def test_stop_counts_only_for_an_active_run(session: Session, desk: Desk) -> None:
    session.stop()
    assert desk.taken() == []
    running(session, desk)
    session.stop()
    assert desk.taken() == [Stop()]


EDITS: dict[str, tuple[Callable[[Project], object], bool]] = {
    "a place": (lambda _: MoveBlocks({"rnn": (5.0, 5.0)}), False),
    "a title": (lambda _: RenameBlock("rnn", "Memory"), False),
    "the rate": (lambda _: SetSetting("training", "learning_rate", 0.01), False),
    "a prompt": (lambda _: SetSetting("sampling", "prompt", "he"), False),
    "a width": (lambda _: SetParam("rnn", "hidden", 9), True),
    "a cell": (lambda p: switch_cells(p.graph, "gru"), True),
    "the batch": (lambda _: SetSetting("training", "batch", 3), False),
    "the seed": (lambda _: SetSetting("training", "seed", 3), True),
    "the data": (lambda _: SetSetting("data", "kind", "recall"), True),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_counts_as_edited_since_the_run_began(
    session: Session, desk: Desk, name: str
) -> None:
    make_edit, counts = EDITS[name]
    assert not session.edited
    running(session, desk)
    before = session.run_project
    session.document.apply(make_edit(session.project))  # type: ignore[arg-type]
    assert session.edited == counts
    assert session.run_project is before, "a run holds what it was started with"
    assert not any(isinstance(each, Stop) for each in desk.taken()), "editing never stops a run"
    session.document.undo()
    assert not session.edited


def test_playing_after_an_edit_begins_another_run_beside_the_old(
    session: Session, desk: Desk, qtbot
) -> None:
    running(session, desk)
    (session.runs_home / "rnn-1").mkdir(parents=True)
    desk.say(StateChanged("paused", 5))
    session._poll()
    session.document.apply(SetParam("rnn", "hidden", 9))
    qtbot.waitUntil(lambda: session._loading is None)
    session.play()
    assert session.history.run == "rnn-2"
    assert list(session.others) == ["rnn-1"]
    assert session.others["rnn-1"].step == 5


def test_a_live_change_is_one_undo_step_and_reaches_the_trainer(
    session: Session, desk: Desk
) -> None:
    session.set_live("clip", 0.5)
    assert desk.taken() == [], "nothing runs"
    session.document.undo()
    running(session, desk)
    for value in (0.03, 0.02):
        session.set_live("learning_rate", value)
    assert desk.taken() == [SetLive("learning_rate", 0.03), SetLive("learning_rate", 0.02)]
    session.document.undo()
    assert desk.taken() == [SetLive("learning_rate", 0.05)]
    with pytest.raises(ParamError):
        session.set_live("learning_rate", -1)
    assert desk.taken() == []


def test_words_of_another_run_are_dropped(session: Session, desk: Desk) -> None:
    running(session, desk)
    desk._mailbox.put(Envelope("other #9", metrics(6, 50)))
    desk._mailbox.put(Envelope("other #9", StateChanged("failed", 3)))
    session._poll()
    assert (session.state, session.history.step) == ("running", 5)


def test_words_that_come_after_leaving_change_nothing(session: Session, desk: Desk) -> None:
    running(session, desk)
    session.new(make("hello-rnn"))
    assert desk.taken() == [Stop()]
    assert (session.state, session.history.run) == ("idle", "")
    desk.say(metrics(6, 10), Saved(15, "", best=False), StateChanged("stopped", 15))
    session._poll()
    assert (session.state, session.history.step) == ("idle", 0)
    assert session.run_project is None
    session.history.run = "rnn-1"  # the new project has a run of the same name in view
    desk.say(metrics(16, 10), StateChanged("stopped", 25))
    session._poll()
    assert (session.state, session.history.step) == ("idle", 0)


@pytest.mark.parametrize(("fatal", "level"), [(True, "error"), (False, "warn")])
def test_a_failure_becomes_a_notice(
    session: Session, desk: Desk, heard: list[Notice], fatal: bool, level: str
) -> None:
    running(session, desk)
    desk.say(Failed("It broke", "the cause", "Mend it", "Traceback …", fatal=fatal))
    session._poll()
    assert heard == [Notice("It broke", "the cause", "Mend it", level, "Traceback …")]


def test_writing_without_a_model_says_so(
    session: Session, desk: Desk, heard: list[Notice]
) -> None:
    assert session.write("h", 4, 1.0) == 0
    assert desk.taken() == []
    assert heard[0].hint
    running(session, desk)
    assert session.write("h", 4, 0.5, 3, 0.9, 7) == 1
    assert desk.taken() == [Write(1, "h", 4, 0.5, 3, 0.9, 7)]


def test_a_probe_text_is_kept_and_sent(session: Session, desk: Desk) -> None:
    session.set_probe_text("hell")
    assert desk.taken() == []
    running(session, desk)
    session.set_probe_text("hello")
    assert desk.taken() == [SetProbeText("hello")]
    assert session.project.sampling.probe_text == "hello"
    session.document.undo()
    assert session.project.sampling.probe_text == "", "typing is one step"


def test_the_cursor_tells_only_of_moves(session: Session) -> None:
    moves: list[object] = []
    session.cursor_changed.connect(moves.append)
    session.move_cursor(t=3)
    session.move_cursor(t=3)
    session.move_cursor(step=7, head=2)
    assert len(moves) == 2
    assert (session.cursor.t, session.cursor.step, session.cursor.head) == (3, 7, 2)
    assert session.step_in_view == 7
    session.move_cursor(step=None)
    assert session.step_in_view == session.history.step


def test_titles_name_the_architecture(session: Session, desk: Desk) -> None:
    assert session.run_title() == "RNN"
    running(session, desk)
    assert session.run_title() == "RNN · rnn-1"
    assert session.run_title("gpt-3") == "GPT · gpt-3"
    assert session.run_title("lstm-1") == "LSTM · lstm-1"


def test_a_run_that_is_not_there_is_said(
    session: Session, heard: list[Notice], tmp_path: Path
) -> None:
    session.open_run("rnn-7")
    session.overlay("rnn-8", on=True)
    assert [notice.level for notice in heard] == ["warn", "warn"]
    assert "rnn-7" in heard[0].what + heard[0].why
    assert session.state == "idle"
    assert session.others == {}


def test_opening_a_damaged_file_leaves_everything(session: Session, tmp_path: Path) -> None:
    before = session.project
    (tmp_path / "a.seq").write_text("{}", "utf-8")
    with pytest.raises(ProjectError):
        session.open(tmp_path / "a.seq")
    assert session.project is before
    assert session.document.path is None


def test_every_unsaved_project_has_a_folder_of_its_own(session: Session) -> None:
    first = session.runs_home
    first.mkdir(parents=True)
    session.new(make("hello-rnn"))
    second = session.runs_home
    assert second != first
    assert not second.exists()
    second.mkdir(parents=True)
    session.document.save(session.runs_home.parent / "kept.seq")
    session.end_close()
    assert not first.exists(), "given up by going on"
    assert second.exists(), "its project was saved: only moving takes it away"


# ----------------------------------------------------- row 16: the window is never flooded


def test_a_flood_is_one_piece_of_news(session: Session, desk: Desk) -> None:
    running(session, desk)
    news: list[frozenset[type]] = []
    session.events.connect(news.append)
    for first in range(6, 6 + 40_000, 10):
        desk.say(metrics(first, 10))
    desk.say(StateChanged("paused", 40_005))
    session._poll()
    session._poll()
    assert len(news) == 1
    assert news[0] == {Metrics, StateChanged}
    assert session.history.curves.steps[-1] == 40_005
    assert len(session.history.curves) == 40_005, "every step is there"


def test_what_waits_is_bounded_and_state_is_never_dropped(session: Session, desk: Desk) -> None:
    running(session, desk)
    states: list[str] = []
    session.state_changed.connect(states.append)
    for round_ in range(40):
        first = 6 + round_ * 10_000
        last = first + 9_999
        desk.say(metrics(first, 10_000), StateChanged("paused", last), Saved(last, "", best=True))
        desk.say(StateChanged("running", last))
        for part in range(30):
            sample = Sample(
                round_ + 1, first, "", "t" * part, np.zeros(part, np.float32), (), 1.0, 0, False
            )
            desk.say(sample)
    waiting = sum(
        sum(len(batch.steps) for batch in item.batches) for item in desk._mailbox._items.values()
    )
    assert waiting <= ROWS
    assert len(desk._mailbox._items) <= 40 * 5
    session._poll()
    assert states == ["paused", "running"] * 40
    assert session.history.curves.steps[-1] == 6 + 40 * 10_000 - 1


def test_news_comes_at_most_as_often_as_the_session_looks(
    session: Session, desk: Desk, qtbot
) -> None:
    running(session, desk)
    counts = {"looks": 0, "news": 0, "told": 0}
    look = session._take_events

    def counted() -> None:
        counts["looks"] += 1
        look()

    session._take_events = counted  # type: ignore[method-assign]
    session.events.connect(lambda _: counts.update(news=counts["news"] + 1))
    over = threading.Event()

    def train() -> None:
        step = 6
        while not over.is_set() and step < 200_000:
            desk.say(metrics(step, 5))
            counts["told"] += 1
            step += 5

    thread = threading.Thread(target=train)
    thread.start()
    qtbot.waitUntil(lambda: counts["looks"] >= 8)
    over.set()
    thread.join()
    assert counts["news"] <= counts["looks"]
    assert counts["told"] > 20 * counts["news"]
    assert POLL_MS >= 33, "thirty times a second at most"


def test_facts_about_the_run_are_news_once(session: Session, desk: Desk) -> None:
    running(session, desk)
    changed: list[int] = []
    session.run_changed.connect(lambda: changed.append(1))
    desk.say(Facts(1, 1.0, "", 1.0, "nats", 0, 0, "cpu"), metrics(6, 1))
    session._poll()
    desk.say(metrics(7, 1))
    session._poll()
    assert changed == [1]


def test_a_closing_session_loads_and_starts_nothing(session: Session, desk: Desk) -> None:
    running(session, desk)
    session.begin_close()
    session.document.apply(SetSetting("data", "kind", "recall"))
    assert session._loading is None
    assert dataclasses.is_dataclass(session.project)


def test_every_live_setting_reaches_the_trainer_and_comes_back_on_undo(
    session: Session, desk: Desk
) -> None:
    running(session, desk)
    before = session.project.sampling.temperature
    wanted = {"batch": 3, "dropout_factor": 0.5, "label_smoothing": 0.1, "temperature": 0.25}
    for name, value in wanted.items():
        session.set_live(name, value)
    assert desk.taken() == [SetLive(name, float(value)) for name, value in wanted.items()]
    assert session.project.sampling.temperature == 0.25
    desk.say(*(LiveChanged(5, name, value) for name, value in wanted.items()))
    session._poll()
    assert session.steering.in_force().training.batch == 3
    assert session.steering.in_force().sampling.temperature == 0.25
    session.document.undo()
    assert desk.taken() == [SetLive("temperature", before)]
