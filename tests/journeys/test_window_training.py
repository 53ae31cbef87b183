"""Training from the window: the buttons a person presses, and what has to be seen then."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt

from seqstudio.document.edits import Disconnect
from seqstudio.document.graph import Wire
from seqstudio.records.messages import LiveChanged, Saved
from seqstudio.records.readings import GradientReading, Metrics, Sample, Validation
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.studio.rate_finder import RateFinder
from seqstudio.studio.session import Notice


def test_the_first_window_shows_a_model_that_can_train(open_person) -> None:
    person = open_person()
    session, window = person.session, person.window
    assert session.project.template == "char-lstm"
    person.until(lambda: session.report is not None, "a check on real data")
    assert session.report.playable
    assert session.dataset.train.size > 100_000
    assert session.state == "idle"
    assert window.page == "build"
    drawn = set(window.build.canvas.canvas.blocks)
    assert drawn == {"tokens", "embedding", "lstm", "dropout", "next_token"}
    assert window.transport.play.text() == "Train"
    assert window.transport.play.isEnabled()
    assert not window.transport.stop.isEnabled()
    assert "No problems" in person.problem_words()
    assert window.error_text == ""


def test_pressing_train_brings_losses_readings_and_a_sample(open_person, tiny) -> None:
    person = open_person(tiny("char-lstm"))
    session, window = person.session, person.window
    seen: set[type] = set()
    session.events.connect(seen.update)
    person.play()
    assert session.state == "starting"
    person.until_state("running")
    wanted = {Metrics, Validation, GradientReading, Sample, Saved}
    person.until(lambda: wanted <= seen and bool(session.history.samples), "all kinds of news")
    history = session.history
    assert history.run == "lstm-1"
    assert history.curves.steps.tolist()[:3] == [1, 2, 3]
    assert np.isfinite(history.curves.loss).all()
    first, last = history.curves.loss[:5].mean(), history.curves.loss[-5:].mean()
    assert last < first
    assert {layer.block for layer in history.gradients.newest().layers} == {"lstm"}
    assert len(history.samples[0].text) > 0
    assert history.facts.train_tokens + history.facts.valid_tokens == 80 * 52
    assert window.transport.stop.isEnabled()
    assert not window.transport.device.isEnabled()
    person.click(window.transport.stop)
    person.until_state("stopped")
    assert window.transport.device.isEnabled()
    assert (session.runs_home / "lstm-1" / "checkpoints" / "latest.json").exists()


def test_pause_goes_on_and_one_step_is_one_step(open_person, tiny) -> None:
    person = open_person()
    session, transport = person.session, person.window.transport
    person.train(tiny("hello-rnn"), steps=20)
    person.play()
    person.until_state("paused")
    here = session.history.step
    for more in (1, 2, 3):
        person.click(transport.step)
        person.until(lambda: session.history.step == here + more, "a step")  # noqa: B023
        person.until_state("paused")
        assert session.history.curves.steps[-1] == here + more
    gradients = session.history.gradients.newest()
    assert gradients.step == here + 2, "the last single step is measured"
    person.play()
    person.until_step(here + 30)
    steps = session.history.curves.steps
    assert steps.tolist() == list(range(1, len(steps) + 1))
    assert list_runs(session.runs_home)[0].name == "rnn-1"
    assert len(list_runs(session.runs_home)) == 1


def test_the_keys_do_what_the_buttons_do(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn"))
    session, canvas = person.session, person.window.build.canvas
    canvas.setFocus()
    person.qtbot.keyClick(canvas, Qt.Key.Key_P)
    person.until_step(5)
    person.qtbot.keyClick(canvas, Qt.Key.Key_P)
    person.until_state("paused")
    here = session.history.step
    person.qtbot.keyClick(canvas, Qt.Key.Key_Period)
    person.until(lambda: session.history.step == here + 1 and session.state == "paused", "a step")
    person.qtbot.keyClick(canvas, Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    person.until_state("stopped")


def test_a_step_begins_a_run(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn"))
    person.click(person.window.transport.step)
    person.until(lambda: person.session.history.step == 1, "the first step")
    person.until_state("paused")
    assert person.session.history.curves.steps.tolist() == [1]


def test_live_settings_reach_the_run_are_echoed_and_can_be_undone(open_person, tiny) -> None:
    person = open_person()
    session, document = person.session, person.session.document
    person.train(tiny("hello-rnn"))
    person.play()
    person.until_state("paused")
    before = session.project
    for value in (0.02, 0.015, 0.0125):
        session.set_live("learning_rate", value)
    person.until(lambda: len(session.history.live) == 3, "three echoes")
    assert session.history.live[-1] == LiveChanged(session.history.step, "learning_rate", 0.0125)
    assert session.project.training.learning_rate == 0.0125
    assert not session.edited
    session.set_live("clip", 0.5)
    person.until(lambda: len(session.history.live) == 4, "the clip norm")
    here = session.history.step
    person.click(person.window.transport.step)
    person.until(lambda: session.history.step == here + 1, "a step")
    assert session.history.curves.rate[-1] == 0.0125
    assert session.history.curves.clip[-1] == 0.5
    assert document.undo()
    assert document.undo()
    assert session.project == before, "a drag is one step"
    person.until(lambda: len(session.history.live) == 6, "undo reaches the trainer, too")
    assert [(each.name, each.value) for each in session.history.live[-2:]] == [
        ("clip", 0.0),
        ("learning_rate", 0.05),
    ]
    assert person.window.transport.rate.value() == pytest.approx(0.05)


def test_dragging_the_slider_changes_the_rate(open_person, tiny) -> None:
    person = open_person()
    session, rate = person.session, person.window.transport.rate
    person.train(tiny("hello-rnn"))
    rate.value_changed.emit(0.03)
    person.until(lambda: bool(session.history.live), "the echo")
    assert session.project.training.learning_rate == 0.03
    assert session.state == "running"


def test_a_live_setting_that_changed_while_stopped_is_in_force_after_resuming(
    open_person, tiny
) -> None:
    person = open_person()
    session = person.session
    person.train(tiny("hello-rnn"))
    session.stop()
    person.until_state("stopped")
    session.set_live("learning_rate", 0.02)
    here = session.history.step
    person.play()
    person.until_step(here + 5)
    assert session.history.curves.rate[-1] == 0.02
    assert session.history.run == "rnn-1"
    session.stop()
    person.until_state("stopped")
    marks = len(session.history.live)
    person.play()
    person.until_step(session.history.step + 5)
    assert len(session.history.live) == marks, "nothing changed, so nothing is marked"


def test_changing_cells_by_the_menu_starts_another_run(open_person, tiny) -> None:
    person = open_person()
    session = person.session
    person.train(tiny("char-lstm"))
    for words, kind, run in (
        ("Change cells to GRU", "gru", "gru-1"),
        ("Change cells to RNN", "rnn", "rnn-1"),
        ("Change cells to ReLU RNN with identity start", "rnn", "rnn-2"),
        ("Change cells to LSTM", "lstm", "lstm-2"),
    ):
        running = session.history.run
        person.menu(words)
        assert kind in {block.kind for block in session.project.graph}
        assert session.edited
        assert session.history.run == running, "editing never stops a run"
        assert session.document.undo_label.startswith("Change")
        if session.state != "paused":
            person.play()  # the first press pauses what runs
            person.until_state("paused")
        person.play()
        person.until(lambda: session.history.run == run, run)  # noqa: B023
        person.until_step(2)
        assert not session.edited
        if "identity" in words:
            params = session.project.graph.blocks["rnn"].params
            assert (params["nonlinearity"], params["init"]) == ("relu", "identity")
    assert set(session.others) >= {"lstm-1", "gru-1", "rnn-1"}
    names = {run.name: run.state for run in session.runs()}
    assert set(names) == {"lstm-1", "gru-1", "rnn-1", "rnn-2", "lstm-2"}
    assert {name for name, state in names.items() if state != "stopped"} == {"lstm-2"}


def test_all_cells_change_in_one_step(open_person, tiny) -> None:
    person = open_person()
    graph = tiny("char-lstm").graph
    project = tiny("char-lstm")
    second = dataclasses.replace(graph.blocks["lstm"], id="lstm2")
    wires = [Wire("lstm", "out", "lstm2", "in"), Wire("lstm2", "out", "dropout", "in")]
    graph = graph.with_block(second).with_wire(wires[0]).with_wire(wires[1])
    person.take(project.with_graph(graph))
    before = person.session.project
    person.menu("Change cells to GRU")
    kinds = [block.kind for block in person.session.project.graph]
    assert kinds.count("gru") == 2
    assert person.session.document.undo()
    assert person.session.project == before


def test_attention_is_read_from_a_small_transformer(open_person, tiny) -> None:
    person = open_person(tiny("char-gpt"))
    session = person.session
    person.play()
    person.until(lambda: session.history.attention.newest() is not None, "attention")
    reading = session.history.attention.newest()
    weights = reading.layers[0].weights
    assert weights.shape[0] == 2
    assert weights.sum(axis=-1) == pytest.approx(np.ones(weights.shape[:2]), abs=1e-3)
    assert not np.triu(weights[0], 1).any()
    assert session.history.run == "gpt-1"


def test_a_broken_graph_says_what_to_mend(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn"))
    session, window = person.session, person.window
    session.document.apply(Disconnect(Wire("one_hot", "out", "rnn", "in")))
    assert "RNN has nothing at its input" in person.problem_words()
    person.play()
    assert session.state == "idle"
    assert "RNN has nothing at its input" in window.error_text
    assert not session.runs()
    session.document.undo()
    assert "No problems" in person.problem_words()
    person.play()
    person.until_step(2)
    assert window.error_text == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no file"), (b"\0\1\2" * 3000, "is not a text"), (b"short", "short")],
)
def test_bad_data_are_said_and_the_rest_works(
    open_person, tiny, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    person = open_person(tiny("hello-rnn"))
    session, window = person.session, person.window
    session.new(tiny("char-lstm"))
    session.use_file(path)
    person.until(lambda: session.data_error is not None, "the refusal")
    assert "mine.txt" in session.data_error.sentence()
    assert words in person.problem_words()
    window.status.say("something passing")
    window.status._show_problem()
    assert words in person.problem_words(), "a passing word must not wipe the problem away"
    person.play()
    assert session.state == "idle"
    assert words.split(maxsplit=1)[0] in window.error_text
    for page in window.pages:
        window.show_page(page)
    key = window.build.canvas.add_kind("dropout")
    assert key in session.project.graph.blocks
    session.document.undo()
    session.document.undo()
    person.until(lambda: session.facts is not None, "the old data again")
    person.play()
    person.until_step(2)


def test_train_pressed_before_the_data_are_there_begins_when_they_are(open_person, tiny) -> None:
    person = open_person()
    session = person.session
    session.new(tiny("char-lstm"))
    assert session._loading is not None
    person.play()
    assert session.state == "idle"
    person.until_step(2)
    assert session.history.run == "lstm-1"


def test_train_pressed_on_bad_data_says_so_when_it_is_known(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person()
    session = person.session
    project = tiny("char-lstm")
    lost = project.data.with_value("path", str(tmp_path / "lost.txt"))
    session.new(dataclasses.replace(project, data=lost))
    person.play()
    person.until(lambda: bool(person.window.error_text), "the refusal")
    assert "lost.txt" in person.window.error_text
    assert session.state == "idle"


def test_another_project_is_not_trained_by_a_press_for_the_last_one(open_person, tiny) -> None:
    person = open_person()
    session = person.session
    session.new(tiny("char-lstm"))
    person.play()
    person.take(tiny("hello-rnn"))
    person.qtbot.wait(100)
    assert session.state == "idle"


def test_a_run_that_ends_by_its_budget_says_so_and_can_begin_anew(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn", steps=12))
    session = person.session
    person.play()
    person.until_state("finished")
    assert session.history.curves.steps.tolist() == list(range(1, 13))
    texts = [toast.accessibleName() for toast in person.window.toasts.toasts()]
    assert any("finished" in text for text in texts)
    person.play()
    person.until(lambda: session.history.run == "rnn-2", "a second run")
    person.until_state("finished")
    assert list(session.others) == ["rnn-1"]


def test_a_trainer_that_dies_is_said_and_train_resumes(open_person, tiny) -> None:
    if os.name != "posix":
        pytest.skip("kills with SIGKILL")
    person = open_person(own=True)
    session = person.session
    person.train(tiny("hello-rnn"), steps=5)
    session.stop()
    person.until_state("stopped")
    here = session.history.step
    person.play()
    person.until_step(here + 5)
    os.kill(session.view.runner.pids[0], 9)
    person.until(lambda: session.state == "failed", "the end")
    assert "stopped unexpectedly" in person.window.error_text
    person.play()
    person.until_state("running")
    person.until_step(here + 10)
    assert session.history.run == "rnn-1"
    assert person.window.error_text == ""


def test_writing_on_demand(open_person, tiny) -> None:
    person = open_person(tiny("char-lstm"))
    session = person.session
    assert session.write("the", 5, 1.0) == 0
    assert any("no model" in str(notice.what) for notice in person.heard)
    person.play()
    person.until_step(2)
    request = session.write("the", 12, 1.0, seed=5)
    person.until(lambda: any(s.request == request for s in session.history.samples), "a sample")
    session.stop()
    person.until_state("stopped")
    again = session.write("the", 12, 1.0, seed=5)
    person.until(lambda: any(s.request == again for s in session.history.samples), "after a stop")
    samples = [s for s in session.history.samples if s.request in {request, again}]
    assert [len(sample.text) for sample in samples] == [12, 12]
    assert session.state == "paused"


def test_a_finished_run_from_the_disk_still_writes(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn", steps=10))
    session = person.session
    for run in ("rnn-1", "rnn-2"):
        person.play()
        person.until(lambda: session.history.run == run, run)  # noqa: B023
        person.until_state("finished")
    session.open_run("rnn-1")
    request = session.write("h", 4, 1.0)
    person.until(lambda: any(s.request == request for s in session.history.samples), "a sample")
    assert session.history.run == "rnn-1"
    assert session.history.curves.steps.tolist() == list(range(1, 11))


def test_the_cursor_goes_back_in_training_and_returns(open_person, tiny) -> None:
    person = open_person()
    session, clocks = person.session, person.window.clocks
    person.train(tiny("hello-rnn", steps=400), steps=400)
    person.until_state("finished")
    person.qtbot.mouseClick(
        clocks, Qt.MouseButton.LeftButton, pos=clocks._tracks()[0].center().toPoint()
    )
    assert session.cursor.step == pytest.approx(200, abs=3)
    assert session.step_in_view == session.cursor.step
    person.qtbot.keyClick(clocks, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert session.cursor.step == pytest.approx(196, abs=3)
    person.qtbot.keyClick(clocks, Qt.Key.Key_End)
    assert session.cursor.step is None
    assert session.step_in_view == 400


def test_choosing_an_older_run_shows_its_record(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn", steps=10))
    session, transport = person.session, person.window.transport
    for run in ("rnn-1", "rnn-2"):
        person.play()
        person.until(lambda: session.history.run == run, run)  # noqa: B023
        person.until_state("finished")
    transport.run_chosen.emit("rnn-1")
    assert session.history.run == "rnn-1"
    assert session.state == "finished"
    assert session.history.curves.steps.tolist() == list(range(1, 11))
    assert transport.run.value() == "rnn-1"
    transport.run_chosen.emit("rnn-9")
    assert any(isinstance(n, Notice) and "rnn-9" in n.what + n.why for n in person.heard)
    assert session.history.run == "rnn-1"


def test_looking_at_another_run_while_one_trains_mixes_nothing(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn", steps=10))
    session = person.session
    person.play()
    person.until_state("finished")
    person.take(session.project)  # the same settings, another document: both have a run rnn-1
    assert session.history.run == ""
    assert session.runs() == [], "runs of an abandoned project are not this one's"


def test_the_record_is_what_was_seen(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn", steps=60))
    session = person.session
    person.play()
    person.until_state("finished")
    record = open_run(session.runs_home / "rnn-1")
    assert np.array_equal(record.curves.loss, session.history.curves.loss)


LIGHT = """
import json, os, sys
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from pathlib import Path
from PySide6.QtCore import QTimer
from seqstudio.document.project import load_project
from seqstudio.studio import app

def heavy():
    return sorted(n for n in sys.modules if n == "torch" or n.startswith("seqstudio.engine"))

if __name__ == "__main__":
    qt = app.application()
    window = app.open_window(Path(sys.argv[1]))
    window.show()
    session, found = window.session, {"before": heavy()}

    def look():
        if session.facts is not None and session.state == "idle":
            window.transport.play.click()
        if session.state == "finished" and len(session.history.samples):
            found.update(after=heavy(), steps=session.history.step, run=session.history.run)
            window.begin_close()
        if session.state == "failed":
            found.update(failed=window.error_text)
            window.begin_close()

    timer = QTimer(interval=30)
    timer.timeout.connect(look)
    timer.start()
    code = qt.exec()
    print(json.dumps(found))
    sys.exit(code)
"""


def test_the_window_trains_without_loading_torch(tiny, tmp_path: Path) -> None:
    from seqstudio.document.project import save_project

    save_project(tiny("char-lstm", steps=30), tmp_path / "p.seq")
    (tmp_path / "drive.py").write_text(LIGHT)
    command = [sys.executable, str(tmp_path / "drive.py"), str(tmp_path / "p.seq")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"before": [], "after": [], "steps": 30, "run": "lstm-1"}


def test_a_learning_rate_is_found_and_used_as_one_step_to_undo(open_person, tiny) -> None:
    person = open_person(tiny("hello-rnn"))
    session, before = person.session, person.session.project.training.learning_rate
    person.window.transport.find_rate()
    (finder,) = person.window.findChildren(RateFinder)
    person.until(finder.use.isEnabled, "a suggestion")
    sweep = session.history.rate_sweep
    assert sweep is not None
    assert session.history.step == 0
    assert len(finder.plot.curve("mean").series) == len(sweep.rates)
    assert "a tenth of where it is lowest" in finder.words.text()
    person.click(finder.use)
    assert session.project.training.learning_rate == sweep.suggestion != before
    person.until(lambda: len(session.history.live) == 1, "the echo")
    session.document.undo()
    assert session.project.training.learning_rate == before
