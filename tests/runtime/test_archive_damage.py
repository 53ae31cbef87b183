"""Whatever is wrong with one run's folder, the list shows it and every other run is as before."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import SeqError
from seqstudio.document.project import project_text
from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime.archive import RunReader, list_runs, new_run_name, open_run
from seqstudio.runtime.forking import fork_run, forked_from
from seqstudio.runtime.notes import load_notes
from seqstudio.runtime.reporting import write_report
from seqstudio.runtime.store import SCHEMA, RunStore

TEXT = project_text(make("hello-rnn"))
SEED = 4


def keep(folder: Path) -> None:
    store = RunStore.create(folder, TEXT)
    store.append(StateChanged("running", 0, "cpu"))
    steps, flat = np.arange(1, 51), np.full(50, 0.5)
    store.append(Metrics(steps, 1.0 / steps, flat, flat, flat, steps * 0.1, steps))
    store.append(StateChanged("finished", 50, "cpu"))
    store.close()


def newer(folder: Path) -> None:
    base = sqlite3.connect(folder / "run.db")
    base.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    base.commit()
    base.close()


def no_table(folder: Path) -> None:
    base = sqlite3.connect(folder / "run.db")
    base.execute("DROP TABLE metrics")
    base.commit()
    base.close()


def half(folder: Path) -> None:
    data = (folder / "run.db").read_bytes()
    (folder / "run.db").write_bytes(data[: len(data) // 2])


def read_only(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)


def huge_fork(folder: Path) -> None:
    (folder / "fork.json").write_text("[" * 100_000)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "newer": newer,
    "half a record": half,
    "no table": no_table,
    "empty record": lambda folder: (folder / "run.db").write_bytes(b""),
    "other bytes": lambda folder: (folder / "run.db").write_bytes(b"not a database" * 400),
    "a folder": lambda folder: ((folder / "run.db").unlink(), (folder / "run.db").mkdir()),
    "no project": lambda folder: (folder / "project.seq").unlink(),
    "other project": lambda folder: (folder / "project.seq").write_bytes(b"\0\xff"),
    "deep fork": huge_fork,
    "other notes": lambda folder: (folder / "notes.json").write_bytes(b"\xff{"),
    "read-only": read_only,
}
READABLE = {"no project", "other project", "deep fork", "other notes", "read-only"}


@pytest.mark.parametrize("damage", DAMAGE)
def test_one_damaged_folder_leaves_the_list_whole(damage: str, tmp_path: Path) -> None:
    for name in ("rnn-1", "rnn-2"):
        keep(tmp_path / name)
    DAMAGE[damage](tmp_path / "rnn-1")
    try:
        runs = {run.name: run for run in list_runs(tmp_path)}
        assert runs["rnn-2"].state == "finished"
        assert runs["rnn-2"].problem == ""
        assert runs["rnn-1"].name == "rnn-1"
        assert (runs["rnn-1"].problem == "") == (damage in READABLE)
        assert new_run_name(tmp_path, "rnn") == "rnn-3"
        assert forked_from(tmp_path / "rnn-1") == ""
        assert load_notes(tmp_path / "rnn-1").tags == ()
        assert open_run(tmp_path / "rnn-2").step == 50
    finally:
        (tmp_path / "rnn-1").chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="needs folders without permission")
def test_a_read_only_run_is_opened_followed_reported_and_forked(tmp_path: Path) -> None:
    keep(tmp_path / "rnn-1")
    read_only(tmp_path / "rnn-1")
    try:
        reader = RunReader(tmp_path / "rnn-1")
        assert Metrics in reader.poll()
        assert write_report([tmp_path / "rnn-1"], "html", tmp_path / "page.html")
        fork_run(tmp_path / "rnn-1", 20, tmp_path / "rnn-2")
        assert open_run(tmp_path / "rnn-2").step == 20
    finally:
        (tmp_path / "rnn-1").chmod(0o700)


def hold_flips(tmp_path: Path, count: int) -> None:
    """Assert that a record with a changed byte gives a list and a history, or a sentence."""
    keep(tmp_path / "rnn-1")
    chance = random.Random(SEED)
    source = (tmp_path / "rnn-1" / "run.db").read_bytes()
    for _ in range(count):
        shutil.rmtree(tmp_path / "rnn-1" / "checkpoints", ignore_errors=True)
        data = bytearray(source)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "rnn-1" / "run.db").write_bytes(bytes(data))
        (run,) = list_runs(tmp_path)
        assert run.name == "rnn-1"
        for use in (
            lambda: write_report([tmp_path / "rnn-1"], "csv", tmp_path / "out"),
            lambda: fork_run(tmp_path / "rnn-1", 3, tmp_path / "fork"),
        ):
            with suppress(SeqError):
                use()
        shutil.rmtree(tmp_path / "fork", ignore_errors=True)


def test_flipped_bytes_give_a_report_and_a_fork_or_a_sentence(tmp_path: Path) -> None:
    hold_flips(tmp_path, 15)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_flipped_bytes_give_a_report_and_a_fork_or_a_sentence(tmp_path: Path) -> None:
    hold_flips(tmp_path, 3000)
