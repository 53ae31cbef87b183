"""A store that refuses: said once, nothing lost, and caught up as soon as it can be."""

import pathlib

import numpy as np
import pytest

from seqstudio.core.errors import StorageError
from seqstudio.records.messages import Event, Failed, StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime.archive import open_run
from seqstudio.runtime.recorder import Recorder
from seqstudio.runtime.store import RunStore


def metrics(first: int, count: int) -> Metrics:
    steps = np.arange(first, first + count)
    loss = 3.0 / steps
    return Metrics(steps, loss, loss, loss, loss, loss, steps)


class FullDisk:
    """Lets the store's n-th write fail, and all after it until there is space again."""

    def __init__(self, store: RunStore, fails_at: int) -> None:
        self.left = fails_at
        self._append = store.append

    def append(self, event: Event) -> None:
        self.left -= 1
        if self.left < 0:
            raise StorageError("run.db was not saved: the disk is full", "0 MB free in here", "")
        self._append(event)


EVENTS: list[Event] = [
    StateChanged("running", 0),
    metrics(1, 10),
    metrics(11, 10),
    StateChanged("paused", 20),
    StateChanged("running", 20),
    metrics(21, 10),
]


@pytest.mark.parametrize("fails_at", range(len(EVENTS) + 1))
def test_whichever_write_fails_the_record_is_whole_once_there_is_space(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    store = RunStore.create(tmp_path / "r", "text")
    disk, said = FullDisk(store, fails_at), list[Failed]()
    monkeypatch.setattr(store, "append", disk.append)
    recorder = Recorder(store, said.append)
    for event in EVENTS:
        recorder.append(event)
    assert len(said) == (fails_at < len(EVENTS))
    disk.left = 1000
    recorder.append(StateChanged("stopped", 30))
    recorder.close()
    history = open_run(tmp_path / "r")
    assert history.curves.steps.tolist() == list(range(1, 31))
    assert (history.state, history.step) == ("stopped", 30)


def test_the_refusal_is_not_fatal_and_says_what_to_do(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore.create(tmp_path / "r", "text")
    disk, said = FullDisk(store, 0), list[Failed]()
    monkeypatch.setattr(store, "append", disk.append)
    recorder = Recorder(store, said.append)
    for first in range(1, 1000, 10):
        recorder.append(metrics(first, 10))
    (failed,) = said
    assert not failed.fatal
    assert "disk is full" in failed.what
    assert "MB free" in failed.why
    assert "Training goes on" in failed.hint
    disk.left = 1  # space for one write, then none again: that is news
    recorder.append(metrics(1001, 1))
    recorder.append(metrics(1002, 1))
    assert len(said) == 2
    recorder.close()
