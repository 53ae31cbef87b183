"""The run store: what goes in comes out, beside a live writer, and however it is broken."""

import math
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError, StorageError
from seqstudio.document.project import project_text
from seqstudio.records.messages import Event, Facts, Failed, LiveChanged, Progress, StateChanged
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    LayerAttention,
    Metrics,
    Sample,
    Validation,
)
from seqstudio.runtime import store as store_module
from seqstudio.runtime.archive import RunReader, list_runs, new_run_name, open_run
from seqstudio.runtime.series import RECENT
from seqstudio.runtime.store import DATABASE, PROJECT, RunStore, is_locked

TEXT = project_text(make("hello-rnn"))
NAN = float("nan")


def metrics(first: int, count: int, level: float = 3.0) -> Metrics:
    steps = np.arange(first, first + count)
    loss = level / steps
    return Metrics(steps, loss, loss * 2, loss * 0, loss * 0, steps * 0.5, steps * 64, 12.0)


def gradient(step: int) -> GradientReading:
    return GradientReading(step, ("a",), (), (), 1, 1, "training step", 0.0)


def attention(step: int) -> AttentionReading:
    weights = np.full((2, 3, 3), step, np.float32)
    return AttentionReading(
        step, ("a", "b", "c"), (LayerAttention("t1", 0, weights, np.eye(3, dtype=bool)),), 0.0
    )


def recorded(folder: pathlib.Path, *events: Event) -> RunStore:
    store = RunStore.create(folder, TEXT)
    for event in events:
        store.append(event)
    return store


def test_everything_comes_back(tmp_path: pathlib.Path) -> None:
    facts = Facts(10, 1.386, "bigram", NAN, "nats", 5, 1, "cpu", ("note",))
    sample = Sample(7, 20, "h", "ello", np.ones(4, np.float32), (("o", 1.0),), 0.0, 3, done=True)
    recorded(
        tmp_path / "rnn-1",
        StateChanged("running", 0, "cpu"),
        facts,
        metrics(1, 30),
        metrics(31, 20),
        Validation(50, 1.25, NAN, 40, complete=True, best=True),
        LiveChanged(31, "clip", 0.5),
        Progress("never kept", 0.5),
        Sample(7, 20, "h", "el", np.ones(2, np.float32), (), 0.0, 3, done=False),
        sample,
        gradient(40),
        attention(40),
        Failed("a", "b", "c", "", fatal=False),
        StateChanged("stopped", 50),
    ).close()
    history = open_run(tmp_path / "rnn-1")
    assert (history.run, history.state, history.step) == ("rnn-1", "stopped", 50)
    assert history.detail == "cpu"
    assert history.facts is not None
    assert history.facts.notes == ("note",)
    assert history.curves.steps.tolist() == list(range(1, 51))
    assert np.array_equal(history.curves.grad_norm, 6.0 / np.arange(1, 51))
    assert history.curves.tokens.dtype == np.int64
    (validation,) = history.validations
    assert (validation.loss, validation.complete, validation.best) == (1.25, True, True)
    assert math.isnan(validation.accuracy)
    assert history.live == [LiveChanged(31, "clip", 0.5)]
    assert [(each.text, each.probability.tolist()) for each in history.samples] == [
        ("ello", [1.0] * 4)
    ]
    assert history.writing is None
    assert history.progress == {}
    assert history.reading_at("gradient", 45) == gradient(40)
    reading = history.reading_at("attention", 45)
    assert isinstance(reading, AttentionReading)
    assert np.array_equal(reading.layers[0].weights, attention(40).layers[0].weights)
    assert len(history.failures) == 1
    assert (tmp_path / "rnn-1" / PROJECT).read_text("utf-8") == TEXT


def test_large_readings_can_be_left_out(tmp_path: pathlib.Path) -> None:
    recorded(tmp_path / "r", metrics(1, 3), attention(2)).close()
    history = open_run(tmp_path / "r", readings=False)
    assert len(history.attention) == 0
    assert len(history.curves) == 3


def test_a_run_is_followed_while_another_process_writes(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "r"
    program = """
import pathlib, sys
import numpy as np
from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime.store import RunStore
store = RunStore.create(pathlib.Path(sys.argv[1]), "text")
step = 0
for line in sys.stdin:
    steps = np.arange(step + 1, step + 11)
    loss = 1.0 / steps
    store.append(Metrics(steps, loss, loss, loss, loss, loss, steps))
    step += 10
    store.append(StateChanged("running", step))
    print(step, flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    reader = RunReader(folder)
    for step in (10, 20, 30):
        child.stdin.write("go\n")
        child.stdin.flush()
        assert child.stdout.readline() == f"{step}\n"
        assert reader.poll() == {Metrics, StateChanged}
        assert reader.poll() == frozenset()
        assert reader.history.curves.steps.tolist() == list(range(1, step + 1))
        assert is_locked(folder)
        (info,) = list_runs(tmp_path)
        assert (info.state, info.live, info.step) == ("running", True, step)
    child.kill()
    child.communicate()
    (info,) = list_runs(tmp_path)
    assert (info.state, info.live, info.step) == ("interrupted", False, 30)
    assert open_run(folder).step == 30


def test_a_copy_is_read_where_the_folder_cannot_be_shared(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = recorded(tmp_path / "r", metrics(1, 5))
    store.append(metrics(6, 5))  # only in the write-ahead log as yet
    connect = sqlite3.connect

    def refuse(name: str, **settings: object) -> sqlite3.Connection:
        # What SQLite does in a folder on a read-only disk: opening works, reading does not.
        if str(tmp_path / "r") in name:
            return connect("file:/nowhere/run.db?mode=ro", **settings)  # type: ignore[call-overload]
        return connect(name, **settings)  # type: ignore[call-overload]

    monkeypatch.setattr("seqstudio.runtime.archive.sqlite3.connect", refuse)
    assert open_run(tmp_path / "r").curves.steps.tolist() == list(range(1, 11))
    store.close()


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_run_on_a_read_only_disk_is_read(tmp_path: pathlib.Path) -> None:
    recorded(tmp_path / "r", metrics(1, 5)).close()
    program = """
import sys, pathlib
from seqstudio.runtime.archive import list_runs, open_run
folder = pathlib.Path(sys.argv[1])
print(open_run(folder).step, len(list_runs(folder.parent)))
"""
    script = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" && "$2" -c "$3" "$1/r"
"""
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(tmp_path), sys.executable, program],
        capture_output=True, text=True,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("namespaces are not allowed here")
    assert done.stdout == "5 1\n", done.stderr


def test_a_new_run_does_not_write_over_an_old_one(tmp_path: pathlib.Path) -> None:
    recorded(tmp_path / "r", metrics(1, 5)).close()
    with pytest.raises(RunError, match="already a run r"):
        RunStore.create(tmp_path / "r", "other")
    assert (tmp_path / "r" / PROJECT).read_text("utf-8") == TEXT
    assert len(open_run(tmp_path / "r").curves) == 5


def test_a_run_that_never_made_a_step_can_be_begun_again(tmp_path: pathlib.Path) -> None:
    recorded(tmp_path / "r", Failed("No data", "", "")).close()
    recorded(tmp_path / "r", metrics(1, 5)).close()
    assert open_run(tmp_path / "r").step == 5


def test_two_trainers_do_not_write_the_same_run(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = recorded(tmp_path / "r", metrics(1, 5))
    connect = sqlite3.connect
    monkeypatch.setattr(
        "seqstudio.runtime.store.sqlite3.connect",
        lambda path, **settings: connect(path, **{**settings, "timeout": 0.01}),
    )
    with pytest.raises(RunError, match="being trained already"):
        RunStore.resume(tmp_path / "r", TEXT)
    store.close()
    RunStore.resume(tmp_path / "r", TEXT).close()


def test_resuming_from_an_older_checkpoint_rewinds_the_record(tmp_path: pathlib.Path) -> None:
    events = [metrics(1, 40), metrics(41, 30, level=9.0), metrics(71, 10), gradient(30)]
    events += [gradient(60), Validation(50, 1.0, 1.0, 1, True, True)]
    store = recorded(tmp_path / "r", StateChanged("running", 0), *events)
    reader = RunReader(tmp_path / "r")
    reader.poll()
    store.close()
    store = RunStore.resume(tmp_path / "r", TEXT)
    store.append(StateChanged("running", 45))
    store.append(metrics(46, 10))
    for history in (open_run(tmp_path / "r"), (reader.poll(), reader.history)[1]):
        assert history.curves.steps.tolist() == list(range(1, 56))
        assert np.array_equal(history.curves.loss[40:45], 9.0 / np.arange(41, 46))
        assert history.steps_with("gradient").tolist() == [30]
        assert history.validations == []
        assert history.step == 55
    store.close()


def test_small_batches_are_gathered_without_loss(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LIMIT_BATCHES", 10)
    store = recorded(tmp_path / "r")
    reader = RunReader(tmp_path / "r")
    for first in range(1, 1000, 9):
        store.append(metrics(first, 9))
        if first % 7 == 0:
            reader.poll()
    reader.poll()
    assert reader.history.curves.steps.tolist() == list(range(1, 1000))
    assert np.array_equal(reader.history.curves.loss, 3.0 / np.arange(1, 1000))
    store.close()
    with sqlite3.connect(tmp_path / "r" / DATABASE) as base:
        assert base.execute("SELECT count(*) FROM metrics").fetchone()[0] <= 10
    base.close()


def test_a_very_long_run_stays_small_and_keeps_its_spikes(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LIMIT_ROWS", 1000)
    store = recorded(tmp_path / "r")
    for first in range(1, 10_001, 50):
        batch = metrics(first, 50)
        if first == 2001:
            batch.loss[7] = 77.0
        store.append(batch)
    store.close()
    curves = open_run(tmp_path / "r").curves
    assert len(curves) <= 1000
    assert curves.steps[np.argmax(curves.loss)] == 2008
    assert curves.steps[-1] == 10_000


def test_old_readings_thin_out(tmp_path: pathlib.Path) -> None:
    store = recorded(tmp_path / "r")
    for step in range(0, 6000, 10):
        store.append(attention(step))
    store.close()
    steps = open_run(tmp_path / "r").steps_with("attention")
    assert len(steps) < 60
    assert steps[-RECENT:].tolist() == list(range(5920, 6000, 10))
    assert steps[0] == 0


def test_a_newer_record_is_refused_and_left_alone(tmp_path: pathlib.Path) -> None:
    recorded(tmp_path / "r", metrics(1, 5)).close()
    base = sqlite3.connect(tmp_path / "r" / DATABASE)
    base.execute("PRAGMA user_version = 99")
    base.close()
    before = (tmp_path / "r" / DATABASE).read_bytes()
    with pytest.raises(RunError, match="newer SeqStudio"):
        open_run(tmp_path / "r")
    with pytest.raises(RunError, match="newer SeqStudio"):
        RunStore.resume(tmp_path / "r", TEXT)
    assert (tmp_path / "r" / DATABASE).read_bytes() == before
    assert "newer" in list_runs(tmp_path)[0].problem


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all" * 100, b"SQLite format 3\0rest"]
)
def test_a_ruined_record_is_said_and_set_aside(tmp_path: pathlib.Path, content: bytes) -> None:
    folder = tmp_path / "r"
    recorded(folder, metrics(1, 5)).close()
    (folder / DATABASE).write_bytes(content)
    with pytest.raises(RunError, match=r"damaged|empty"):
        open_run(folder)
    (info,) = list_runs(tmp_path)
    assert info.state == "damaged"
    assert info.problem
    store = RunStore.resume(folder, TEXT)
    store.append(metrics(6, 5))
    store.close()
    assert open_run(folder).curves.steps.tolist() == list(range(6, 11))
    kept = [path.read_bytes() for path in folder.glob("damaged-*.db")]
    assert kept == ([content] if content else [])


def test_a_missing_run_is_said(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RunError, match="There is no run in"):
        open_run(tmp_path)
    assert list_runs(tmp_path / "none") == []


def test_flipped_bytes_give_a_history_or_a_sentence(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "r"
    sample = Sample(1, 2, "", "abc", np.ones(3, np.float32), (("a", 0.5),), 0.8, 7, done=True)
    recorded(
        folder, StateChanged("running", 0), metrics(1, 50), gradient(5), attention(6), sample
    ).close()
    whole, chance, said = (folder / DATABASE).read_bytes(), random.Random(2), 0
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(chance.choice([1, 5, 50])):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        (folder / DATABASE).write_bytes(broken[: chance.choice([len(broken), len(broken) // 2])])
        list_runs(tmp_path)
        try:
            open_run(folder)
        except RunError as error:
            said += bool(error.sentence())
        for rest in folder.glob("run.db-*"):
            rest.unlink()
    assert said > 100


def test_a_full_disk_is_named_and_the_record_goes_on_later(tmp_path: pathlib.Path) -> None:
    store = recorded(tmp_path / "r", metrics(1, 5))
    pages = store._base.execute("PRAGMA page_count").fetchone()[0]
    store._base.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="the disk is full") as caught:
        store.append(metrics(6, 5000))
    assert "MB free" in caught.value.why
    store._base.execute("PRAGMA max_page_count = 100000")
    store.append(metrics(6, 5000))
    store.close()
    assert len(open_run(tmp_path / "r").curves) == 5005


def test_a_place_that_cannot_be_written_is_said(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        RunStore.create(tmp_path / "file" / "r", TEXT)


def test_runs_are_listed_newest_first_with_what_they_are(tmp_path: pathlib.Path) -> None:
    names = []
    for template in ("hello-rnn", "char-lstm"):
        project = make(template)
        name = new_run_name(tmp_path, template[-4:].strip("-"))
        names.append(name)
        store = RunStore.create(tmp_path / name, project_text(project))
        store.append(metrics(1, 9))
        store.append(Validation(9, 1.5 + len(names), NAN, 1, False, True))
        store.append(Validation(9, NAN, NAN, 1, False, False))
        store.append(StateChanged("stopped", 9))
        store.close()
    newest, oldest = list_runs(tmp_path)
    assert [newest.name, oldest.name] == ["lstm-1", "rnn-1"]
    assert (newest.arch, newest.template, newest.state) == ("lstm", "char-lstm", "stopped")
    assert (oldest.arch, oldest.best_validation, oldest.step) == ("rnn", 2.5, 9)
    assert newest.started_at > oldest.started_at > 1e9
    assert not newest.live


def test_names_of_runs_count_up(tmp_path: pathlib.Path) -> None:
    assert new_run_name(tmp_path / "none", "gru") == "gru-1"
    for name in ("lstm-1", "lstm-7", "lstm-x", "gru-3", "lstm-2b"):
        (tmp_path / name).mkdir()
    assert new_run_name(tmp_path, "lstm") == "lstm-8"
    assert new_run_name(tmp_path, "rnn") == "rnn-1"


def test_closing_leaves_no_log_behind(tmp_path: pathlib.Path) -> None:
    recorded(tmp_path / "r", metrics(1, 5)).close()
    names = [path.name for path in (tmp_path / "r").iterdir()]
    assert sorted(names) == ["project.seq", "run.db", "run.lock"]
