"""Closing and stopping at any moment: exit code 0, runs saved, no process left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqstudio.document.project import save_project
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.studio.session import ACTIVE

posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
REPO = Path(__file__).resolve().parents[2]
SEED = 15
PATIENCE_S = 60.0

DRIVER = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from seqstudio.studio import app

wish = sys.argv[2]
make_window = app.open_window

def open_window(*given, **named):
    window = make_window(*given, **named)
    session = window.session

    def look():
        if session.facts is not None and session.state == "idle" and wish != "idle":
            window.transport.play.click()
        here = session.history.step
        if wish == "question" and here and not timer.told:
            timer.told = True
            QTimer.singleShot(0, window.close)   # asks, and stays in the question
            QTimer.singleShot(300, lambda: print("ready", *session.view.runner.pids, flush=True))
        elif not timer.told and (here or (wish == "idle" and session.facts is not None)):
            timer.told = True
            print("ready", *session.view.runner.pids, flush=True)

    timer = QTimer(window, interval=20)
    timer.told = False
    timer.timeout.connect(look)
    timer.start()
    return window

app.open_window = open_window
if __name__ == "__main__":
    path = Path(sys.argv[1]) if sys.argv[1] else None
    sys.exit(app.run(path))
"""


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for(seen: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    own = {name: str(tmp_path / name.lower()) for name in names}
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1", **own}


def end_by(
    number: int, path: Path | None, wish: str, tmp_path: Path, home: dict[str, str]
) -> tuple[int, str]:
    """Start the application, wait until it does `wish`, send a signal; return how it ended."""
    script = tmp_path / "drive.py"
    script.write_text(DRIVER)
    child = subprocess.Popen(
        [sys.executable, str(script), str(path or ""), wish],
        env=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    words = child.stdout.readline().split()
    try:
        assert words[:1] == ["ready"], child.communicate(timeout=10)[1]
        child.send_signal(number)
        _, errors = child.communicate(timeout=PATIENCE_S)
    finally:
        child.kill()
    pids = [int(word) for word in words[1:]]
    wait_for(lambda: all(map(ended, pids)), "a process was left behind")
    return child.returncode, errors


@posix_only
@pytest.mark.parametrize("wish", ["training", "idle"])
def test_sigterm_ends_well(tiny, tmp_path: Path, home, wish: str) -> None:
    save_project(tiny("hello-rnn"), tmp_path / "mine.seq")
    code, errors = end_by(signal.SIGTERM, tmp_path / "mine.seq", wish, tmp_path, home)
    assert (code, errors) == (0, "")
    runs = list_runs(tmp_path / "mine.runs")
    assert len(runs) == (wish == "training")
    for run in runs:
        record = open_run(run.folder)
        assert (run.state, run.live) == ("stopped", False)
        assert record.saved is not None
        assert record.saved.step == record.step == record.curves.steps[-1]


@posix_only
def test_a_question_on_the_screen_does_not_hold_up_the_end(
    tmp_path: Path, home: dict[str, str]
) -> None:
    code, errors = end_by(signal.SIGINT, None, "question", tmp_path, home)
    said = [line for line in errors.splitlines() if "This plugin does not support" not in line]
    assert (code, said) == (0, [])


@posix_only
def test_main_py_ends_well_at_sigterm(tmp_path: Path, home: dict[str, str]) -> None:
    child = subprocess.Popen(
        [sys.executable, str(REPO / "main.py")], env=home, stderr=subprocess.PIPE, text=True
    )
    settings = Path(home["XDG_CONFIG_HOME"]) / "seqstudio" / "seqstudio.conf"
    try:
        wait_for(lambda: settings.exists() or child.poll() is not None, "the window")
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=PATIENCE_S)
    finally:
        child.kill()
    assert (child.returncode, errors) == (0, "")


def test_closing_while_training_saves_and_leaves_no_process(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person(own=True)
    session, window = person.session, person.window
    person.take(tiny("hello-rnn"))
    window.save_to(tmp_path / "mine.seq")
    person.play()
    person.until_step(5)
    pids = session.view.runner.pids
    window.close()
    assert window.isVisible(), "it goes when the trainer has ended, and never waits"
    person.until(lambda: not window.isVisible(), "the window to close")
    assert all(map(ended, pids))
    assert not session.view.runner.alive
    (run,) = list_runs(tmp_path / "mine.runs")
    record = open_run(run.folder)
    assert (run.state, record.saved.step) == ("stopped", record.step)


def close_at_random(open_person, tiny, tmp_path: Path, rounds: int) -> None:
    chance = random.Random(SEED)
    for number in range(rounds):
        person = open_person(own=True)
        session, window = person.session, person.window
        path = tmp_path / f"p{number}.seq"
        person.take(tiny("hello-rnn"))
        window.save_to(path)
        moment = chance.choice(["idle", "warm", "starting", "loading", "running", "paused"])
        if moment == "warm":
            session.warm_up()
            person.qtbot.wait(chance.randrange(0, 800))
        elif moment != "idle":
            person.play()
        if moment == "loading":
            person.qtbot.wait(chance.randrange(0, 1500))
        elif moment in {"running", "paused"}:
            person.until_step(chance.randrange(1, 60))
        if moment == "paused":
            person.play()
        window.close()
        person.until(lambda: not window.isVisible(), f"seed {SEED}, round {number}, {moment}")  # noqa: B023
        assert not session.view.runner.alive
        for run in list_runs(tmp_path / f"p{number}.runs"):
            assert not run.live
            assert run.state == "stopped", (number, moment, run)


def test_windows_close_at_random_moments(open_person, tiny, tmp_path: Path) -> None:
    close_at_random(open_person, tiny, tmp_path, rounds=5)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_many_windows_close_at_random_moments(open_person, tiny, tmp_path: Path) -> None:
    close_at_random(open_person, tiny, tmp_path, rounds=100)


def start_and_stop(person, tiny, rounds: int) -> None:
    chance, session = random.Random(SEED), person.session
    transport = person.window.transport
    person.take(tiny("hello-rnn"))
    acts = {
        "play": transport.toggle,
        "step": lambda: person.click(transport.step),
        "stop": lambda: person.click(transport.stop),
        "rate": lambda: session.set_live("learning_rate", chance.uniform(0.001, 0.1)),
        "edit": lambda: session.document.apply(_seed(chance)),
        "undo": session.document.undo,
    }
    for number in range(rounds):
        begun: list[str] = []
        for _ in range(chance.randint(2, 6)):
            act = chance.choice(list(acts))
            begun.append(act)
            acts[act]()
            person.qtbot.wait(chance.choice([0, 5, 40]))
        session.stop()
        person.until(
            lambda: session.state not in ACTIVE,
            f"seed {SEED}, round {number}: {begun}",
        )
        assert session.state in {"idle", "stopped"}, (number, begun, person.window.error_text)
        assert person.window.error_text == ""
    for run in session.runs():
        record = open_run(run.folder)
        newest = int(record.curves.steps[-1]) if len(record.curves) else 0
        assert record.step == newest, run
        assert record.curves.steps.tolist() == list(range(1, newest + 1)), run


def _seed(chance: random.Random):  # type: ignore[no-untyped-def]
    from seqstudio.document.edits import SetSetting

    return SetSetting("training", "seed", chance.randrange(1000))


def test_starting_and_stopping_at_random(open_person, tiny) -> None:
    start_and_stop(open_person(), tiny, rounds=10)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_starting_and_stopping_at_random_for_long(open_person, tiny) -> None:
    start_and_stop(open_person(), tiny, rounds=100)
