"""Saving, opening, leaving and coming back: nothing that was trained or drawn is lost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog

from seqstudio.document.document import Document
from seqstudio.document.edits import SetSetting
from seqstudio.document.project import load_project, save_project
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.studio.panels.data.opening import OpeningDialog
from seqstudio.studio.session import ACTIVE


def names(folder: Path) -> list[str]:
    return sorted(run.name for run in list_runs(folder))


@pytest.fixture
def save_dialog(monkeypatch: pytest.MonkeyPatch):
    """Choose a path in the next save dialog; "" is Cancel."""

    def choose(path: Path | str) -> None:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))

    return choose


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt", "hello-rnn"])
def test_a_run_goes_on_bit_by_bit_after_closing_and_opening(
    open_person, tiny, tmp_path: Path, template: str
) -> None:
    steps, path = 60, tmp_path / "mine.seq"
    project = tiny(template, steps=steps)
    straight = open_person(project)
    straight.play()
    straight.until_state("finished")
    expected = straight.session.history.curves.loss.copy()

    person = open_person(project)
    session = person.session
    for step in (1, 2, 23):
        session.step(step - session.history.step)
        person.until(lambda: (session.history.step, session.state) == (step, "paused"), "steps")  # noqa: B023
    assert person.window.save_to(path)
    person.until(lambda: session.state == "paused" and not session.desk.removal, "the move")
    session.stop()
    person.until_state("stopped")
    before = session.history.curves.loss.copy()
    own = template == "hello-rnn"  # one of them in another process: torch loads for seconds

    again = open_person(path=path, own=own)
    session = again.session
    assert session.history.step == 23
    assert np.array_equal(session.history.curves.loss, before)
    assert session.state == "stopped"
    assert not session.edited
    again.play()
    again.until_state("finished")
    curves = session.history.curves
    assert curves.steps.tolist() == list(range(1, steps + 1))
    assert np.array_equal(curves.loss, expected), "not the run that was begun"
    record = open_run(session.runs_home / session.history.run)
    assert np.array_equal(record.curves.loss, expected)


def test_saving_while_training_moves_the_run_and_goes_on(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person()
    session = person.session
    person.train(tiny("hello-rnn"), steps=10)
    aside = session.runs_home
    assert person.window.save_to(tmp_path / "mine.seq")
    person.until(lambda: session.desk.removal is None, "the move")
    person.until_state("running")
    here = session.history.step
    person.until_step(here + 10)
    steps = session.history.curves.steps
    assert steps.tolist() == list(range(1, len(steps) + 1))
    assert session.runs_home == tmp_path / "mine.runs"
    assert names(session.runs_home) == ["rnn-1"]
    assert not aside.exists()
    assert load_project(tmp_path / "mine.seq").run == "rnn-1"
    assert not session.document.modified
    assert person.window.error_text == ""


def test_saving_while_paused_stays_paused(open_person, tiny, tmp_path: Path) -> None:
    person = open_person()
    session = person.session
    person.train(tiny("hello-rnn"))
    person.play()
    person.until_state("paused")
    here = session.history.step
    person.window.save_to(tmp_path / "mine.seq")
    moved = session.desk
    person.until(lambda: moved.removal is None and session.state == "paused", "paused again")
    assert session.history.step == here


def test_saving_a_run_that_ends_at_that_moment_moves_it_too(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person(tiny("hello-rnn", steps=40))
    session = person.session
    person.play()
    person.until_step(1)
    person.window.save_to(tmp_path / "mine.seq")
    person.until(lambda: session.desk.removal is None, "the move")
    person.until(lambda: session.state not in {"starting", "running"}, "an end")
    assert names(tmp_path / "mine.runs") == ["rnn-1"]


def test_saving_elsewhere_leaves_the_runs_with_the_old_file(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person(tiny("hello-rnn", steps=10))
    session = person.session
    for run in ("rnn-1", "rnn-2"):
        person.play()
        person.until(lambda: session.history.run == run, run)  # noqa: B023
        person.until_state("finished")
    person.window.save_to(tmp_path / "a.seq")
    person.until(lambda: session.desk.removal is None, "the move")
    assert names(tmp_path / "a.runs") == ["rnn-1", "rnn-2"]
    session.document.apply(SetSetting("training", "steps", 12))
    person.window.save_to(tmp_path / "b.seq")
    person.until(lambda: session.desk.removal is None, "the copy")
    assert names(tmp_path / "a.runs") == ["rnn-1", "rnn-2"], "they still belong to a.seq"
    assert names(tmp_path / "b.runs") == ["rnn-2"]
    assert open_run(tmp_path / "b.runs" / "rnn-2").step == 10
    assert load_project(tmp_path / "a.seq").training.steps == 10


def test_saving_elsewhere_while_training_continues_in_the_new_place(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person()
    session = person.session
    person.take(tiny("hello-rnn"))
    person.window.save_to(tmp_path / "a.seq")
    person.play()
    person.until_step(5)
    person.window.save_to(tmp_path / "b.seq")
    person.until(lambda: session.desk.removal is None, "the copy")
    person.until_state("running")
    person.until_step(session.history.step + 5)
    states = {run.name: (run.live, run.folder.parent.name) for run in session.runs()}
    assert states == {"rnn-1": (True, "b.runs")}
    assert [run.live for run in list_runs(tmp_path / "a.runs")] == [False]


def test_a_run_begun_after_saving_is_there_after_opening(
    open_person, tiny, tmp_path: Path
) -> None:
    path = tmp_path / "mine.seq"
    person = open_person(tiny("hello-rnn", steps=10))
    person.window.save_to(path)
    person.play()
    person.until_state("finished")
    assert not person.session.document.modified, "training is no edit, so closing asks nothing"
    again = open_person(path=path)
    assert again.session.history.run == "rnn-1"
    assert again.session.history.step == 10


def test_naming_the_run_is_no_step_of_the_history(open_person, tiny, tmp_path: Path) -> None:
    person = open_person(tiny("hello-rnn", steps=10))
    session, document = person.session, person.session.document
    document.apply(SetSetting("training", "seed", 7, "Change seed"))
    document.apply(SetSetting("training", "seed", 8, "Change seed"))
    document.undo()
    person.play()
    person.until_state("finished")
    person.window.save_to(tmp_path / "mine.seq")
    assert document.undo_label == "Change seed"
    assert document.redo_label == "Change seed"
    document.undo()
    assert document.modified
    document.redo()
    assert not document.modified, "back at what was saved"
    assert session.project.run == "rnn-1"


def test_a_failed_save_is_said_and_loses_nothing(open_person, tiny, tmp_path: Path) -> None:
    person = open_person()
    session = person.session
    person.train(tiny("hello-rnn"))
    assert not person.window.save_to(tmp_path / "gone" / "mine.seq")
    assert "mine.seq was not saved" in person.window.error_text
    assert session.document.path is None
    here = session.history.step
    person.until_step(here + 5)
    assert person.window.save_to(tmp_path / "mine.seq")
    person.until(lambda: session.desk.removal is None, "the move")
    person.until_step(session.history.step + 5)


def test_opening_a_damaged_project_leaves_everything(open_person, tiny, tmp_path: Path) -> None:
    person = open_person()
    session, window = person.session, person.window
    session.document.save(tmp_path / "mine.seq")
    (tmp_path / "bad.seq").write_bytes(b"\x80\x04\x95")
    (tmp_path / "newer.seq").write_text(
        json.dumps({"format": "seqstudio project", "version": 99}), "utf-8"
    )
    person.train(tiny("hello-rnn"))
    window.save_to(tmp_path / "mine.seq")
    person.until(lambda: session.desk.removal is None and session.state == "running", "the move")
    before, run = session.project, session.history.run
    for bad in ("bad.seq", "newer.seq", "missing.seq"):
        assert not window.open_project(tmp_path / bad)
        assert bad in window.error_text
        assert session.project is before
        assert session.document.path == tmp_path / "mine.seq"
        assert session.history.run == run
        assert session.state == "running"
    here = session.history.step
    person.until_step(here + 5)


def test_a_damaged_last_project_does_not_keep_the_window_from_opening(
    open_person, tmp_path: Path
) -> None:
    (tmp_path / "bad.seq").write_text("{", "utf-8")
    person = open_person(path=tmp_path / "bad.seq")
    person.until(lambda: "bad.seq" in person.window.error_text, "the sentence")
    assert person.session.project.template == "char-lstm"
    assert person.session.document.path is None
    person.until(lambda: person.session.facts is not None, "the built-in data")


def test_opening_another_project_while_training_mixes_nothing(
    open_person, tiny, tmp_path: Path
) -> None:
    """Both have a run rnn-1; the last words of the first arrive after the second is open."""
    person = open_person(tiny("hello-rnn", steps=10))
    session = person.session
    person.play()
    person.until_state("finished")
    person.window.save_to(tmp_path / "b.seq")
    person.take(tiny("hello-rnn", steps=10**8))  # at once: the move has to get done all the same
    person.window.save_to(tmp_path / "a.seq")
    person.until(lambda: session.desk.removal is None, "the move")
    person.play()
    person.until_step(30)
    assert person.window.open_project(tmp_path / "b.seq")
    assert (session.history.run, session.history.step) == ("rnn-1", 10)
    assert session.state == "finished"
    person.until(lambda: session.view.runner.state == "stopped", "the end of the first")
    person.qtbot.wait(120)
    assert session.history.curves.steps.tolist() == list(range(1, 11))
    assert session.state == "finished"
    (kept,) = list_runs(tmp_path / "a.runs")
    assert kept.state == "stopped"
    assert kept.step >= 30
    person.window.open_project(tmp_path / "a.seq")
    assert session.history.step == kept.step
    person.play()
    person.until_step(kept.step + 5)


def test_a_relative_data_path_starts_from_the_project(open_person, tiny, tmp_path: Path) -> None:
    project = tiny("char-lstm")
    data = dataclasses.replace(project.data, path="mine.txt")
    for folder, letter in (("a", "a"), ("b", "b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.txt").write_text(f"{letter}xyz " * 1000, "utf-8")
        save_project(dataclasses.replace(project, data=data), tmp_path / folder / "p.seq")
    person = open_person(path=tmp_path / "a" / "p.seq")
    session = person.session
    person.until(lambda: session._loading is None, "the first data")
    assert "a" in session.dataset.vocabulary.symbols
    person.window.open_project(tmp_path / "b" / "p.seq")
    person.until(lambda: session._loading is None, "the second data")
    assert "b" in session.dataset.vocabulary.symbols
    assert "a" not in session.dataset.vocabulary.symbols


def drop(window, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(700, 400),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def test_dropping_a_text_uses_it_and_one_undo_takes_it_back(
    open_person, tiny, tmp_path: Path
) -> None:
    path = tmp_path / "poem.txt"
    path.write_text("ruby red and emerald green\n" * 200, "utf-8")
    person = open_person(tiny("char-lstm"))
    session = person.session
    before = session.project
    drop(person.window, path)
    person.until(lambda: session._loading is None, "the text")
    assert session.project.data.path == str(path)
    assert len(session.dataset.train) + len(session.dataset.valid) == 200 * 27
    session.document.undo()
    assert session.project == before


def test_dropping_a_tune_book_starts_a_model_of_tunes(
    open_person, tiny, tmp_path: Path, answer
) -> None:
    path = tmp_path / "mine.abc"
    path.write_text("X:1\nT:One\nM:4/4\nK:C\nCDEF GABc|cBAG FEDC|\n\n" * 80, "utf-8")
    person = open_person(tiny("char-lstm"))
    answer("Discard")
    drop(person.window, path)
    (dialog,) = person.window.findChildren(OpeningDialog)
    person.click(dialog.use)
    assert person.session.project.template == "abc-lstm"
    assert person.session.project.data.path == str(path)


# ------------------------------------------------------------------------------ the question


def test_leaving_an_unsaved_run_asks_and_cancel_stays(open_person, tiny, answer) -> None:
    person = open_person()
    session, window = person.session, person.window
    person.train(tiny("hello-rnn"))
    asked = answer("Cancel")
    window.start_from("char-gru")
    assert len(asked) == 1
    assert "trained for" in asked[0]
    assert session.project.template == "hello-rnn"
    assert session.state == "running"
    window.close()
    assert len(asked) == 2
    assert window.isVisible()
    here = session.history.step
    person.until_step(here + 3)


def test_discarding_an_unsaved_run_closes_and_leaves_no_files(open_person, tiny, answer) -> None:
    person = open_person(own=True)
    session, window = person.session, person.window
    person.train(tiny("hello-rnn"))
    home = session.runs_home
    assert home.exists()
    asked = answer("Discard")
    window.close()
    person.until(lambda: not window.isVisible(), "the window to close")
    assert len(asked) == 1
    assert not home.exists()
    assert not session.view.runner.alive


def test_saving_at_the_end_brings_the_run_along(
    open_person, tiny, tmp_path: Path, answer, save_dialog
) -> None:
    person = open_person(own=True)
    session, window = person.session, person.window
    person.train(tiny("hello-rnn"), steps=20)
    answer("Save")
    save_dialog(tmp_path / "mine")
    window.close()
    person.until(lambda: not window.isVisible(), "the window to close")
    (run,) = list_runs(tmp_path / "mine.runs")
    assert (run.name, run.state, run.live) == ("rnn-1", "stopped", False)
    assert run.step >= 20
    assert load_project(tmp_path / "mine.seq").run == "rnn-1"
    document = Document(load_project(tmp_path / "mine.seq"))
    assert document.project.template == "hello-rnn"
    assert session.state not in ACTIVE


def test_cancelling_the_file_dialog_stays(open_person, tiny, answer, save_dialog) -> None:
    person = open_person()
    person.train(tiny("hello-rnn"))
    answer("Save")
    save_dialog("")
    person.window.close()
    assert person.window.isVisible()
    assert person.session.state == "running"


def test_an_untouched_window_closes_without_a_question(open_person, answer) -> None:
    person = open_person(own=True)
    asked = answer("Cancel")
    person.window.close()
    person.until(lambda: not person.window.isVisible(), "the window to close")
    assert asked == []


def test_a_failed_open_after_discard_still_has_the_run(
    open_person, tiny, tmp_path: Path, answer
) -> None:
    person = open_person()
    session, window = person.session, person.window
    person.train(tiny("hello-rnn"))
    (tmp_path / "bad.seq").write_text("no", "utf-8")
    answer("Discard")
    assert not window.open_project(tmp_path / "bad.seq")
    assert window.save_to(tmp_path / "mine.seq")
    person.until(lambda: session.desk.removal is None and session.state == "running", "the move")
    assert names(tmp_path / "mine.runs") == ["rnn-1"]


def test_the_recent_list_knows_what_was_saved_and_forgets_what_is_gone(
    open_person, tiny, tmp_path: Path
) -> None:
    person = open_person(tiny("hello-rnn"))
    for name in ("a.seq", "b.seq"):
        person.window.save_to(tmp_path / name)
    assert person.window.recent_names() == [str(tmp_path / "b.seq"), str(tmp_path / "a.seq")]
    (tmp_path / "b.seq").unlink()
    assert person.window.recent_names() == [str(tmp_path / "a.seq")]
