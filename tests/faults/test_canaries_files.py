"""Pickles that would write a file when loaded, under every name and in every place (row 18).

None fires; each is refused with one sentence.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqstudio.blocks.clipboard import parse_clip
from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError, SeqError
from seqstudio.data.sources import open_dataset
from seqstudio.document.project import load_project, project_text
from seqstudio.records.messages import Failed, Start, Stop
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.runtime.runner import OVER
from seqstudio.runtime.store import DATABASE, PROJECT, is_locked
from seqstudio.runtime.supervisor import ProcessRunner

SUFFIXES = (".pt", ".pth", ".bin", ".npz", ".npy", ".ckpt", ".safetensors", ".seq")
PATIENCE_S = 60.0


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, nest: Path) -> None:
        self.nest = nest

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.nest, "it fired")


def plain(nest: Path) -> bytes:
    return pickle.dumps(Canary(nest))


def text_protocol(nest: Path) -> bytes:
    """The oldest protocol is ASCII: it passes for a text."""
    return pickle.dumps(Canary(nest), protocol=0)


def long_text(nest: Path) -> bytes:
    """Long enough to be a corpus."""
    return pickle.dumps([Canary(nest), "the cat sat on the mat. " * 400], protocol=0)


def torch_zip(nest: Path) -> bytes:
    """As torch.save lays it out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", plain(nest))
        archive.writestr("archive/version", "3")
    return buffer.getvalue()


def object_arrays(nest: Path) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.array([Canary(nest)], dtype=object))
    return buffer.getvalue()


def in_a_safetensors_header(nest: Path) -> bytes:
    body = plain(nest)
    return len(body).to_bytes(8, "little") + body


EGGS: dict[str, Callable[[Path], bytes]] = {
    "pickle": plain,
    "pickle as text": text_protocol,
    "long text": long_text,
    "torch zip": torch_zip,
    "object arrays": object_arrays,
    "safetensors header": in_a_safetensors_header,
}


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "fired"
    yield path
    assert not path.exists(), "a canary fired"


def test_the_canaries_can_sing(tmp_path: Path) -> None:
    for number, egg in enumerate((plain, text_protocol, long_text)):
        nest = tmp_path / f"fired{number}"
        pickle.loads(egg(nest))
        assert nest.exists()
    nest = tmp_path / "fired"
    with np.load(io.BytesIO(object_arrays(nest)), allow_pickle=True) as arrays:
        assert arrays["weights"].size == 1
    assert nest.exists()


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(SeqError) as caught:
        act()
    sentence = caught.value.sentence()
    assert 10 < len(sentence) < 500
    return sentence


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("egg", EGGS)
def test_as_a_project(tmp_path: Path, nest: Path, egg: str, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(EGGS[egg](nest))
    assert path.name in refused(lambda: load_project(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["text", "abc"])
@pytest.mark.parametrize("egg", [name for name in EGGS if name != "long text"])
def test_as_data(tmp_path: Path, nest: Path, egg: str, kind: str, suffix: str) -> None:
    path = tmp_path / f"corpus{suffix}"
    path.write_bytes(EGGS[egg](nest))
    settings = make("abc-lstm" if kind == "abc" else "char-lstm").data.with_value(
        "path", str(path)
    )
    assert path.name in refused(lambda: open_dataset(settings))


def test_a_pickle_that_is_text_is_only_text(tmp_path: Path, nest: Path) -> None:
    """A person may study one: it is read as letters, and nothing else."""
    path = tmp_path / "corpus.txt"
    path.write_bytes(long_text(nest))
    dataset = open_dataset(make("char-lstm").data.with_value("path", str(path)))
    assert dataset.vocabulary is not None


@pytest.mark.parametrize("egg", EGGS)
def test_on_the_clipboard(nest: Path, egg: str) -> None:
    text = EGGS[egg](nest).decode("latin-1")
    assert "no blocks" in refused(lambda: parse_clip(text))


@pytest.mark.parametrize("egg", EGGS)
def test_as_the_record_of_a_run(tmp_path: Path, nest: Path, egg: str) -> None:
    folder = tmp_path / "p.runs" / "lstm-1"
    folder.mkdir(parents=True)
    for name in (DATABASE, PROJECT):
        (folder / name).write_bytes(EGGS[egg](nest))
    (run,) = list_runs(tmp_path / "p.runs")
    assert run.state == "damaged"
    assert run.problem
    with pytest.raises(RunError):
        open_run(folder)


@pytest.fixture(scope="module")
def runner() -> Iterator[ProcessRunner]:
    runner = ProcessRunner(standby=False)
    yield runner
    assert runner.close(PATIENCE_S)


def run_to_end(runner: ProcessRunner, start: Start) -> list[Failed]:
    runner.start(start)
    end = time.monotonic() + PATIENCE_S
    failures: list[Failed] = []
    while runner.state not in OVER:
        assert time.monotonic() < end
        time.sleep(0.01)
        failures += [e.event for e in runner.drain() if isinstance(e.event, Failed)]
    time.sleep(0.05)
    return failures + [e.event for e in runner.drain() if isinstance(e.event, Failed)]


@pytest.fixture(scope="module")
def finished(runner: ProcessRunner, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A run with a checkpoint, to be spoilt in copies."""
    project = make("hello-rnn")
    training = project.training.with_value("steps", 20)
    text = project_text(type(project)(project.graph, project.data, training))
    start = Start("rnn-1", text, "", str(tmp_path_factory.mktemp("runs") / "rnn-1"))
    assert run_to_end(runner, start) == []
    runner.send(Stop())
    end = time.monotonic() + PATIENCE_S
    while is_locked(Path(start.folder)):
        assert time.monotonic() < end
        time.sleep(0.01)
    return start


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("place", ["weights", "sealed", "beside", "pointer", "numbers"])
def test_as_a_checkpoint(
    runner: ProcessRunner, finished: Start, tmp_path: Path, nest: Path, place: str, suffix: str
) -> None:
    folder = tmp_path / "rnn-1"
    shutil.copytree(finished.folder, folder)
    home = folder / "checkpoints"
    if place == "weights":
        for path in home.glob("*.safetensors"):
            path.write_bytes(EGGS["torch zip" if suffix == ".pt" else "pickle"](nest))
    elif place == "sealed":
        for path in home.glob("*.safetensors"):
            body = EGGS["safetensors header" if suffix == ".npy" else "pickle"](nest)
            path.write_bytes(body)
            record = json.loads(path.with_suffix(".json").read_text())
            record["sha256"] = hashlib.sha256(body).hexdigest()
            path.with_suffix(".json").write_text(json.dumps(record))
    elif place == "beside":
        for path in home.glob("*.safetensors"):
            path.rename(path.with_suffix(".was"))
            path.with_suffix(suffix).write_bytes(EGGS["safetensors header"](nest))
    elif place == "pointer":
        (home / f"model{suffix}").write_bytes(plain(nest))
        (home / "latest.json").write_text(f'{{"latest": "model{suffix}"}}')
    else:
        for path in home.glob("*.json"):
            path.write_bytes(text_protocol(nest))
    start = Start("rnn-1", finished.project, "", str(folder), resume=True)
    failures = run_to_end(runner, start)
    assert runner.state == "failed"
    assert len(failures) == 1
    assert failures[0].fatal
    assert failures[0].trace == "", failures[0]
    assert failures[0].what
    assert failures[0].why or failures[0].hint
