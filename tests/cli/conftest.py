"""A small text, and the command line called as a function."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seqstudio.cli import main

WORDS = (
    "the",
    "river",
    "runs",
    "under",
    "old",
    "stone",
    "bridges",
    "while",
    "small",
    "boats",
    "wait",
)


@dataclass(frozen=True)
class Told:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


Call = Callable[..., Told]


def write_text(path: Path, characters: int = 6000, seed: int = 0) -> Path:
    choose = random.Random(seed)
    words = " ".join(choose.choice(WORDS) for _ in range(characters // 5))
    path.write_text(words[:characters] + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep floors of test texts out of the user's cache, and leave the environment as it was."""
    before = dict(os.environ)
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process; return its exit code and what it printed."""

    def run(*words: object) -> Told:
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Told(code, out, err)

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with small.seq, trained for 20 steps, and its text."""
    folder = tmp_path_factory.mktemp("trained")
    write_text(folder / "text.txt")
    path = folder / "small.seq"
    new = ["new", "char-lstm", str(path), "--data", str(folder / "text.txt")]
    small = ["hidden=16", "embedding.width=8", "batch=4", "window=16", "dropout.share=0"]
    assert main([*new, *(part for pair in small for part in ("--set", pair))]) == 0
    assert main(["train", str(path), "--steps", "20", "--threads", "1"]) == 0
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the trained project that a test may change."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "small.seq"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Return a small text."""
    return write_text(tmp_path / "words.txt")
