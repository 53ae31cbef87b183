"""Whatever is wrong with what is given: exit code 2, one line, and nothing half written."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqstudio.core import files


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes() if each.is_file() else b""
        for each in sorted(folder.rglob("*"))
    }


def refused(call, folder: Path, *words: object) -> str:
    """Run what must be refused; return the line that says so."""
    before = listing(folder)
    told = call(*words)
    assert told.code == 2, told.err
    assert told.out == ""
    assert told.err.startswith("seqstudio: ")
    assert told.err.count("\n") == 1
    assert "Traceback" not in told.err
    assert listing(folder) == before
    return str(told.err)


def missing(_path: Path) -> None:
    pass


BAD_TEXTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (missing, "There is no file"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "blank": (lambda path: path.write_text(" \n" * 2000), "is empty"),
    "short": (lambda path: path.write_text("hello"), "too short to learn from"),
    "binary": (lambda path: path.write_bytes(b"a\0b" * 2000), "is not a text"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0" * 999), "is not a text"),
}


@pytest.mark.parametrize("kind", BAD_TEXTS)
def test_new_refuses_a_bad_text(call, tmp_path: Path, kind: str) -> None:
    make, said = BAD_TEXTS[kind]
    make(tmp_path / "data.txt")
    words = ("new", "char-lstm", tmp_path / "a.seq", "--data", tmp_path / "data.txt")
    assert said in refused(call, tmp_path, *words)


def test_a_book_without_a_usable_tune_tells_the_reasons(call, tmp_path: Path) -> None:
    book = tmp_path / "b.abc"
    book.write_text("X:1\nT:Silent\nK:D\n\nX:2\nT:No key\nABc|\n", encoding="utf-8")
    words = ("new", "abc-lstm", tmp_path / "a.seq", "--data", book)
    line = refused(call, tmp_path, *words)
    assert "0 of 2 can be used" in line
    assert "2 of 2 tunes skipped" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "char-lstn", "OUT"), "There is no template 'char-lstn'"),
        (("new", "hello-rnn", "OUT", "--data", "x.txt"), "takes no file"),
        (("new", "char-lstm", "OUT", "--set", "training.batch=0"), "it is out of range"),
        (("new", "char-lstm", "OUT", "--set", "lstm.hidden=1e9"), "it is out of range"),
        (("new", "char-lstm", "OUT", "--set", "held_out=0.9"), "Use 0.01 to 0.5"),
        (("new", "char-lstm", "OUT", "--set", "optimizer=magic"), "adamw, adam, sgd"),
        (("new", "char-lstm", "OUT", "--set", "data.kind=adding"), "The data are vectors"),
        (("new", "char-lstm", "gone/OUT"), "There is no folder"),
    ],
)
def test_new_refuses(call, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    placed = [str(tmp_path / w.replace("OUT", "a.seq")) if "OUT" in w else w for w in words]
    assert said in refused(call, tmp_path, *placed)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def _rewire(content: dict[str, Any], out: list[str], into: list[str]) -> None:
    wires = content["graph"]["wires"]
    content["graph"]["wires"] = [wire for wire in wires if wire not in out] + into


BAD_PROJECTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "There is no file"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "binary": (lambda path: path.write_bytes(b"\xff\x00" * 50), "is not a SeqStudio project"),
    "half": (
        lambda path: path.write_text(path.read_text(encoding="utf-8")[:200], encoding="utf-8"),
        "it is damaged",
    ),
    "another JSON": (lambda path: path.write_text("[1, 2]"), "is not a SeqStudio project"),
    "newer": (
        lambda path: _edit(path, lambda c: c.update(version=99)),
        "written by a newer SeqStudio",
    ),
    "a number out of range": (
        lambda path: _edit(path, lambda c: c["training"].update(batch=-3)),
        "Batch cannot be -3",
    ),
    "a cycle": (
        lambda path: _edit(
            path, lambda c: _rewire(c, ["embedding.out -> lstm.in"], ["dropout.out -> lstm.in"])
        ),
        "The wires form a loop",
    ),
    "a missing input": (
        lambda path: _edit(path, lambda c: _rewire(c, ["lstm.out -> dropout.in"], [])),
        "Dropout has nothing at its input",
    ),
    "a shape that does not fit": (
        lambda path: _edit(
            path, lambda c: _rewire(c, ["embedding.out -> lstm.in"], ["tokens.out -> lstm.in"])
        ),
        "Tokens cannot feed LSTM",
    ),
    "an unknown block": (
        lambda path: _edit(path, lambda c: c["graph"]["blocks"][2].update(kind="lstm9")),
        "is not known here",
    ),
    "data that are gone": (
        lambda path: _edit(path, lambda c: c["data"].update(path="gone.txt")),
        "There is no file",
    ),
}


@pytest.mark.parametrize("kind", BAD_PROJECTS)
def test_train_refuses_a_bad_project(call, project: Path, kind: str) -> None:
    make, said = BAD_PROJECTS[kind]
    make(project)
    assert said in refused(call, project.parent, "train", project, "--steps", "5")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--device", "cuda:99"), "There is no device cuda:99 here"),
        (("train", "--device", "abacus"), "There is no device abacus here"),
        (("train", "--steps", "0"), "Steps cannot be '0'"),
        (("train", "--steps", "many"), "a number is needed"),
        (("train", "--minutes", "-1"), "it is out of range"),
        (("train", "--seed", "-1"), "Seed cannot be '-1'"),
        (("train", "--precision", "float8"), "there is no such choice"),
        (("train", "--threads", "999"), "0 to 256"),
        (("train", "--resume", "--run", "gone"), "There is no run 'gone'"),
        (("generate", "--run", "lstm-2"), "Did you mean lstm-1"),
        (("generate", "--temperature", "-1"), "Temperature cannot be '-1'"),
        (("generate", "--length", "0"), "Length cannot be '0'"),
        (("generate", "--top-p", "1.5"), "Top p cannot be"),
        (("generate", "--seed", "x"), "Seed cannot be 'x'"),
        (("generate", "--out", "a.mp3"), "End it with .txt, .mid, .abc, .musicxml, .wav, .flac"),
        (("generate", "--out", "gone/a.txt"), "There is no folder gone"),
        (("generate", "--prompt-file", "gone.txt"), "There is no file gone.txt"),
        (("evaluate", "--data", "gone.txt"), "There is no file gone.txt"),
        (("render", "--panel", "curves", "--out", "a.jpg"), "End it with .png"),
        (("render", "--panel", "curves", "--size", "big", "--out", "a.png"), "big is no size"),
    ],
)
def test_options_that_do_not_fit(
    call, project: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)
    assert said in refused(call, project.parent, words[0], project, *words[1:])


def test_commands_that_need_a_run_say_so(call, tmp_path: Path) -> None:
    path = tmp_path / "a.seq"
    assert call("new", "hello-rnn", path).code == 0
    for words in (("generate",), ("evaluate",), ("train", "--resume")):
        line = refused(call, tmp_path, words[0], path, *words[1:])
        assert "a.seq has no run yet. Train it first: seqstudio train a.seq." in line
    for name in ("generate", "evaluate"):
        assert "There is no file" in refused(call, tmp_path, name, tmp_path / "gone.seq")


def test_a_damaged_checkpoint_is_told(call, project: Path) -> None:
    best = project.parent / "small.runs" / "lstm-1" / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:-9])
    line = refused(call, project.parent, "evaluate", project)
    assert "The checkpoint best is damaged: its content has changed." in line


def test_export_into_a_file_is_refused(call, project: Path) -> None:
    words = ("export", project, "--format", "pytorch", "--out", project.parent / "text.txt")
    assert "text.txt is a file" in refused(call, project.parent, *words)


def _full(_handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_project_and_no_new_one(
    call, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.os, "fsync", _full)
    for out in (tmp_path / "b.seq", project):
        words = ("new", "hello-rnn", out, "--force")
        line = refused(call, tmp_path, *words)
        assert f"{out.name} was not saved: the disk is full" in line


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(call, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        assert "no permission" in refused(call, tmp_path, "new", "hello-rnn", folder / "a.seq")
    finally:
        folder.chmod(0o700)
