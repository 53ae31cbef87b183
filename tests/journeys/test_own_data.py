"""From a file never seen to a training that runs: at most five clicks, or one line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="journeys through the window need Qt")

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog

from seqstudio.cli import main
from seqstudio.document.project import load_project
from seqstudio.studio.panels.data.opening import OpeningDialog

GOOD, BAD = ("good", "great", "lovely", "fine"), ("bad", "awful", "dull", "poor")
NAMES = "<img src=file:///etc/hostname>%n\u202egnp"


def opinions(path: Path, rows: int = 240) -> Path:
    """Write opinions with stars, in columns of names that nobody knows."""
    rng = random.Random(0)
    lines = ["verdict,said"]
    for at in range(rows):
        up = rng.random() < 0.5
        word = rng.choice(GOOD if up else BAD)
        lines.append(f'{"up" if up else "down"},"the film {at}, it was {word}"')
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def drop(window, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    spot, copy = QPointF(700, 400), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(spot, copy, data, buttons, keys))


def test_a_dropped_table_trains_after_two_clicks(open_person, tmp_path: Path) -> None:
    path = opinions(tmp_path / "mine.csv")
    person = open_person()
    drop(person.window, path)
    (dialog,) = person.window.findChildren(OpeningDialog)
    assert dialog.chosen.title == "Texts with a label"
    assert dialog.columns["text"].value() == "said"
    assert dialog.rows.rows_shown()[0][0] in {"up", "down"}
    person.click(dialog.use)
    session = person.session
    person.until(lambda: session._loading is None and session.report is not None, "the data")
    assert session.dataset.classes == ("down", "up")
    person.play()
    person.until_step(1)
    assert person.window.error_text == ""
    person.session.stop()
    person.until_state("stopped")


def test_a_file_chosen_from_the_menu_asks_the_same(open_person, tmp_path: Path) -> None:
    path = opinions(tmp_path / "mine.csv")
    person = open_person()
    person.menu("Use your own data…")
    (files,) = person.window.findChildren(QFileDialog)
    files.fileSelected.emit(str(path))
    files.reject()
    (dialog,) = person.window.findChildren(OpeningDialog)
    dialog.kinds.set_value(len(dialog._choices) - 1)
    dialog.kinds.value_changed.emit(len(dialog._choices) - 1)
    assert dialog.chosen.title == "A text"
    dialog.reject()


def test_what_is_no_data_is_said_with_its_name(open_person, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\n\x00\x01" * 50)
    person = open_person()
    before = person.session.project
    drop(person.window, path)
    assert "a.pdf is a PDF" in person.window.error_text
    assert person.session.project is before


def test_names_from_strangers_are_shown_as_they_are(open_person, tmp_path: Path) -> None:
    name = NAMES.replace("/", "∕") + ".csv"
    path = tmp_path / name
    rows = "\n".join(f"<b>x</b> {at},{'a' if at % 2 else 'b'}" for at in range(40))
    path.write_text(f"<img src=x>\u202e,label\n{rows}\n", "utf-8")
    person = open_person()
    drop(person.window, path)
    (dialog,) = person.window.findChildren(OpeningDialog)
    told = [label.text() for label in dialog.findChildren(type(dialog._reasons))]
    assert any("<img src=file:" in words and "⟨U+202E⟩" in words for words in told)
    assert all("\u202e" not in words for words in told)
    assert all(
        label.textFormat() == Qt.TextFormat.PlainText
        for label in dialog.findChildren(type(dialog._reasons))
    )
    assert "<img src=x>⟨U+202E⟩" in dialog.rows.model().headerData(0, Qt.Orientation.Horizontal)
    person.click(dialog.use)
    person.until(lambda: person.session._loading is None, "the data")
    assert person.session.project.data.path == str(path)


def test_one_line_makes_a_project_of_a_file(tmp_path: Path, capsys) -> None:
    path, out = opinions(tmp_path / "mine.csv"), tmp_path / "mine.seq"
    assert main(["new", str(path), str(out), "--set", "data.length=12"]) == 0
    told = capsys.readouterr().out
    assert "texts with a label" in told
    assert "template: sentiment-lstm" in told
    project = load_project(out)
    assert project.data.columns == "text=said label=verdict"
    assert project.data.path == "mine.csv"
    assert project.data.length == 12


@pytest.mark.long
def test_that_project_trains(tmp_path: Path) -> None:
    path, out = opinions(tmp_path / "mine.csv"), tmp_path / "mine.seq"
    assert main(["new", str(path), str(out), "--set", "data.length=12"]) == 0
    assert main(["train", str(out), "--steps", "2"]) == 0
