"""The history: merging of drags, no empty steps, what `modified` says, who hears what."""

from __future__ import annotations

import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import SeqError
from seqstudio.document.document import HISTORY_LIMIT, MERGE_PAUSE_S, Document
from seqstudio.document.edits import (
    MoveBlocks,
    RenameBlock,
    ReplaceProject,
    SetParam,
    SetSetting,
)
from seqstudio.document.param import ParamError


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def document(clock: Clock) -> Document:
    return Document(make("hello-rnn"), clock)


def hidden(value: int) -> SetParam:
    return SetParam("rnn", "hidden", value)


def width(document: Document) -> object:
    return document.project.graph.blocks["rnn"].params["hidden"]


def test_a_drag_of_a_slider_is_one_step(document: Document, clock: Clock) -> None:
    before = document.project
    for value in (4, 9, 17, 12):
        clock.now += MERGE_PAUSE_S * 0.9
        assert document.apply(hidden(value), merge="hidden")
    assert document.undo()
    assert document.project is before
    assert not document.undo()
    assert document.redo()
    assert width(document) == 12


def test_a_pause_another_field_or_no_key_begins_a_new_step(
    document: Document, clock: Clock
) -> None:
    document.apply(hidden(4), merge="a")
    clock.now += MERGE_PAUSE_S * 1.1
    document.apply(hidden(5), merge="a")
    document.apply(hidden(6), merge="b")
    document.apply(hidden(7))
    document.apply(hidden(8))
    values = []
    while document.undo():
        values.append(width(document))
    assert values == [7, 6, 5, 4, 3]


def test_a_drag_away_and_back_leaves_no_step(document: Document) -> None:
    document.apply(hidden(20))
    for value in (4, 5, 20):
        document.apply(hidden(value), merge="drag")
    assert width(document) == 20
    assert document.undo()
    assert width(document) == 3
    assert not document.undo()


def test_after_an_undo_a_drag_does_not_reach_back(document: Document) -> None:
    document.apply(hidden(4), merge="drag")
    document.undo()
    document.redo()
    document.apply(hidden(5), merge="drag")
    document.undo()
    assert width(document) == 4


@pytest.mark.parametrize(
    "edit",
    [
        hidden(3),
        MoveBlocks({"rnn": (make("hello-rnn").graph.blocks["rnn"].x, 0.0)}),
        RenameBlock("rnn", ""),
        SetSetting("training", "steps", "800"),
        ReplaceProject(make("hello-rnn")),
    ],
)
def test_an_edit_that_changes_nothing_is_no_step(document: Document, edit: object) -> None:
    heard = []
    document.changed.connect(heard.append)
    document.apply(hidden(4))
    document.undo()
    assert not document.apply(edit)  # type: ignore[arg-type]
    assert document.redo_label, "a redo was lost to nothing"
    assert len(heard) == 2
    assert not document.modified


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (SetSetting("training", "batch", 0), ParamError),
        (SetSetting("training", "budget", "hours"), ParamError),
        (SetSetting("kitchen", "batch", 1), KeyError),
        (SetParam("nobody", "hidden", 1), KeyError),
    ],
)
def test_an_edit_that_raises_leaves_all_as_it_was(
    document: Document, edit: object, error: type[Exception]
) -> None:
    document.apply(hidden(4))
    document.undo()
    before, heard = document.project, []
    document.changed.connect(heard.append)
    with pytest.raises(error):
        document.apply(edit)  # type: ignore[arg-type]
    assert document.project is before
    assert (document.undo_label, document.redo_label) == ("", "Change setting")
    assert heard == []


def test_a_new_edit_drops_what_could_be_done_again(document: Document) -> None:
    document.apply(hidden(4))
    document.undo()
    document.apply(hidden(5))
    assert not document.redo()
    assert width(document) == 5


def test_the_history_has_an_end_and_keeps_the_newest(document: Document) -> None:
    for value in range(4, 4 + HISTORY_LIMIT + 20):
        document.apply(hidden(value))
    count = 0
    while document.undo():
        count += 1
    assert count == HISTORY_LIMIT
    assert width(document) == 3 + 20


def test_undoing_back_to_the_saved_state_clears_the_mark(document: Document, tmp_path) -> None:
    document.apply(hidden(4))
    assert document.modified
    document.save(tmp_path / "a.seq")
    assert not document.modified
    document.apply(hidden(5))
    assert document.modified
    document.undo()
    assert not document.modified
    document.undo()
    assert document.modified
    document.redo()
    document.redo()
    document.apply(hidden(4))
    assert not document.modified, "the same content again is not a change"


def test_listeners_hear_every_change_with_its_label(document: Document) -> None:
    heard = []
    stop = document.changed.connect(
        lambda change: heard.append(
            (
                change.label,
                change.before.graph.blocks["rnn"].params["hidden"],
                change.after.graph.blocks["rnn"].params["hidden"],
            )
        )
    )
    document.apply(hidden(4))
    document.undo()
    document.redo()
    stop()
    document.undo()
    assert heard == [
        ("Change setting", 3, 4),
        ("Undo Change setting", 4, 3),
        ("Redo Change setting", 3, 4),
    ]


def test_a_document_without_a_file_wants_a_name(document: Document) -> None:
    with pytest.raises(ValueError, match="needs a path"):
        document.save()


def test_a_failed_save_leaves_the_mark_and_the_path(document: Document, tmp_path) -> None:
    document.save(tmp_path / "a.seq")
    document.apply(hidden(4))
    saved = []
    document.saved.connect(saved.append)
    with pytest.raises(SeqError):
        document.save(tmp_path / "gone" / "b.seq")
    assert document.modified
    assert document.path == tmp_path / "a.seq"
    assert saved == []


def test_opening_a_damaged_file_leaves_everything(document: Document, tmp_path) -> None:
    document.save(tmp_path / "a.seq")
    document.apply(hidden(4))
    before = document.project
    (tmp_path / "b.seq").write_text("{", "utf-8")
    with pytest.raises(SeqError):
        document.open(tmp_path / "b.seq")
    assert document.project is before
    assert document.path == tmp_path / "a.seq"
    assert document.undo_label


def test_opening_starts_a_fresh_history(document: Document, tmp_path) -> None:
    document.apply(hidden(4))
    document.save(tmp_path / "a.seq")
    document.apply(hidden(5))
    document.open(tmp_path / "a.seq")
    assert width(document) == 4
    assert not document.modified
    assert not document.undo()
    assert not document.redo()
