"""The library of own blocks: files that read back, and strangers' files that cannot do harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqstudio.core.errors import DataError, ProjectError, SeqError, StorageError
from seqstudio.document import library as module
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.library import LIMIT_BYTES, SUFFIX, Library, own_text, parse_own


def own() -> Block:
    inside = Graph(
        {"in": Block("in", "inlet"), "out": Block("out", "outlet")},
        (Wire("in", "out", "out", "in"),),
    )
    return Block("group", "group", 40.0, 9.0, title="Mine", mode="mute", inside=inside)


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "blocks")


def test_a_kept_block_reads_back_without_its_place_and_mode(library):
    kept = library.keep(own(), "My gate", "Opens and closes.")
    (found,) = library.blocks()
    assert found == kept
    assert (found.name, found.title, found.help) == ("my-gate", "My gate", "Opens and closes.")
    assert (found.block.x, found.block.y, found.block.mode) == (0.0, 0.0, "")
    assert found.block.inside == own().inside
    assert Library(library.folder).blocks() == [kept]


def test_listeners_hear_of_every_change(library):
    heard = []
    library.changed.connect(heard.append)
    first = library.keep(own(), "A")
    library.keep(own(), "A")
    library.describe(first.name, "B", "words")
    library.delete(first.name)
    assert heard == [("a",), ("a", "a-2"), ("a-2", "a"), ("a-2",)]


def test_another_title_keeps_the_file(library):
    name = library.keep(own(), "Old").name
    library.describe(name, "  New\n name ", "more")
    assert [(b.name, b.title, b.help) for b in library.blocks()] == [("old", "New name", "more")]
    with pytest.raises(KeyError):
        library.describe("nothing", "x", "")


@pytest.mark.parametrize("title", ["../../evil", "C:\\x", "", "\x00\n", "con/aux", "é" * 300])
def test_no_title_leads_out_of_the_folder(library, title):
    kept = library.keep(own(), title)
    (path,) = library.folder.iterdir()
    assert path.parent == library.folder
    assert path.name == kept.name + SUFFIX
    assert len(kept.title) <= 80
    assert kept.title


def test_export_and_import(library, tmp_path):
    name = library.keep(own(), "Mine", "help").name
    target = tmp_path / "for you.json"
    library.export(name, target)
    other = Library(tmp_path / "other")
    taken = other.take(target)
    assert (taken.title, taken.help, taken.block) == ("Mine", "help", library.get(name).block)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "not json",
        '{"format": "seqstudio project", "version": 2}',
        '{"format": "seqstudio block", "version": 99, "title": "x", "block": {}}',
        '{"format": "seqstudio block", "version": 1, "title": 3, "block": {}}',
        '{"format": "seqstudio block", "version": 1, "title": "x", "block": null}',
        '{"format": "seqstudio block", "version": 1, "title": "x", "block": {"id": "../a"}}',
        '{"format": "seqstudio block", "version": 1, "title": "x",'
        ' "block": {"id": "a", "kind": "linear", "params": {"width": [1]}}}',
        '{"format": "seqstudio block", "version": 1, "title": "x",'
        ' "block": {"id": "a", "kind": "linear", "x": NaN}}',
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_a_strangers_file_is_refused_in_words(library, tmp_path, text):
    path = tmp_path / "stranger.json"
    path.write_text(text)
    with pytest.raises(SeqError) as refused:
        library.take(path)
    assert "stranger.json" in str(refused.value)
    assert library.blocks() == []


def test_a_file_that_nests_too_deep_is_refused(library, tmp_path):
    block = {"id": "a", "kind": "group"}
    for _ in range(20):
        block = {"id": "a", "kind": "group", "inside": {"blocks": [block]}}
    content = {"format": "seqstudio block", "version": 1, "title": "x", "block": block}
    path = tmp_path / "deep.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ProjectError, match="damaged"):
        library.take(path)


def test_a_file_that_is_too_large_or_gone_is_refused(library, tmp_path):
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (LIMIT_BYTES + 1))
    with pytest.raises(DataError):
        library.take(path)
    with pytest.raises(DataError):
        library.take(tmp_path / "gone.json")


def test_a_damaged_file_in_the_folder_is_left_out_and_named(library):
    library.keep(own(), "Good")
    (library.folder / f"bad{SUFFIX}").write_bytes(b"\xff\xfe")
    assert [b.title for b in library.blocks()] == ["Good"]
    ((name, reason),) = library.broken
    assert name == f"bad{SUFFIX}"
    assert "UTF-8" in reason


def test_the_library_has_a_limit(library, monkeypatch):
    monkeypatch.setattr(module, "LIMIT_FILES", 2)
    library.keep(own(), "a")
    library.keep(own(), "b")
    with pytest.raises(StorageError, match="full"):
        library.keep(own(), "c")


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "blocks").write_text("a file is in the way")
    with pytest.raises(StorageError):
        Library(tmp_path / "blocks").keep(own(), "a")


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    ),
    st.text(),
)
def test_whatever_a_file_holds_only_words_come_out(block, title):
    content = {"format": "seqstudio block", "version": 1, "title": title, "block": block}
    try:
        found = parse_own(json.dumps(content), "", "It")
    except SeqError:
        return
    again = parse_own(own_text(found), "", "It")
    assert again == found
