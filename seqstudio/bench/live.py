"""Benchmarks of the window: each opens real ones in child processes and reads what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import seqstudio
from seqstudio.bench.results import Row, median
from seqstudio.bench.rounds import Comparison
from seqstudio.core.errors import RunError

SETTINGS = (("char-lstm", 1), ("char-lstm", 2), ("hello-rnn", 1))
ROUNDS = 2
STARTS = 7
PLAYS = 3
PAUSES = 15
CHILD_S = 900
SETTLE_S = 30  # of a window benchmark go to loading torch and to the standbys
UNLIMITED = float("nan")


def ask(program: str, platform: str, **request: Any) -> dict[str, Any]:
    """Let a child do something with a real window; settings and data of the person stay apart.

    Args:
        program: One of `desk.PROGRAMS`.
        platform: Qt platform: "offscreen", "xcb", ...
        request: Its arguments.

    Raises:
        RunError: It failed.
    """
    with tempfile.TemporaryDirectory(prefix="seqstudio-bench-") as home:
        places = {
            name: str(Path(home) / name.lower())
            for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
        }
        environment = {**os.environ, **places, "QT_QPA_PLATFORM": platform,
                       "PYTHONPATH": _search_path()}  # fmt: skip
        if "folder" in request:
            request["folder"] = home
        if "started_s" in request:
            request["started_s"] = time.monotonic()
        words = json.dumps({"program": program, **request})
        done = subprocess.run(
            [sys.executable, "-m", "seqstudio.bench.desk", words],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=CHILD_S, check=False,
        )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        last = [line.strip() for line in done.stderr.splitlines() if "Error" in line]
        why = last[-1] if last else f"exit code {done.returncode}"
        hint = "seqstudio doctor says whether windows open here"
        raise RunError(f"The window of the benchmark failed ({program})", why, hint)
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def _search_path() -> str:
    roots = [str(Path(seqstudio.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.pathsep.join(each for each in roots if each)


def bench_start(platform: str, times: int = STARTS) -> Iterator[Row]:
    """Measure from the start of the process to the first picture of the window."""
    answers = [ask("first_paint", platform, started_s=0.0) for _ in range(times)]
    seconds = [each["seconds"] for each in answers]
    spread = f"{min(seconds):.2f}–{max(seconds):.2f} s in {times} starts"
    yield Row("process start to first picture", "s", median(seconds), note=spread)
    loaded = sum(each["torch"] for each in answers)
    yield Row("starts that had loaded torch by then", "", float(loaded), goal=0.0)


def bench_play(platform: str, times: int = PLAYS) -> Iterator[Row]:
    """Measure from pressing Train to the first point of the loss curve on screen."""
    for what, warm, goal in (("warm", True, 0.5), ("cold, torch not loaded", False, UNLIMITED)):
        found = [
            ask("play", platform, template="char-lstm", warm=warm, folder="") for _ in range(times)
        ]
        known, painted = ([each[key] for each in found] for key in ("known", "painted"))
        note = f"{min(painted):.2f}–{max(painted):.2f} s in {times}; known {median(known):.2f} s"
        yield Row(f"Train to first loss, {what}", "s", median(painted), goal=goal, note=note)
    yield from _pauses(ask("pause", platform, template="char-lstm", times=PAUSES, folder=""))


def _pauses(found: Mapping[str, Any]) -> Iterator[Row]:
    """Yield how much longer than one step a pause takes to answer."""
    step = found["step"]
    over = [max(latency - step, 0.0) for latency in found["latency"]]
    note = f"a step takes {step:.0f} ms, {len(over)} pauses"
    for what, value in (("p50", median(over)), ("max", max(over))):
        yield Row(f"pause, time over one step {what}", "ms", value, goal=10.0, note=note)


def bench_window(
    seconds: float,
    platform: str,
    settings: Sequence[tuple[str, int]] = SETTINGS,
    *,
    rounds: int = ROUNDS,
    standby: bool = True,
) -> Iterator[Row]:
    """Measure training with the window open against the same runner without a window."""
    turn = max((seconds - SETTLE_S) / (2 * rounds * len(settings)), 1.0)
    found = ask(
        "window", platform, settings=settings, seconds=turn, rounds=rounds, standby=standby,
        folder="",
    )  # fmt: skip
    for each in found["settings"]:
        threads = each["threads"]
        name = f"{each['template']}, {threads} trainer thread{'s' if threads > 1 else ''}"
        yield from _speeds(name, each)
        yield from _beats(f"{name}: heartbeat", each["heart"])
    yield from _beats("idle window: heartbeat", found["idle"])


def _speeds(name: str, found: Mapping[str, Any]) -> Iterator[Row]:
    def rates(key: str) -> Comparison:
        return Comparison(*(tuple(c[key] for c in found[side]) for side in ("shown", "bare")))

    shown, bare = (median(c["core"] for c in found[side]) for side in ("shown", "bare"))
    note = f"window process uses {shown:.2f} of a core, {bare:.2f} without"
    yield rates("wall").row(name, "tokens/s", 0.90, note)
    one = found["threads"] == 1
    goal = 0.97 if one else UNLIMITED
    note = "" if one else "delay of the main thread only"
    yield rates("net").row(f"{name}, wall less run-queue delay", "tokens/s", goal, note)


def _beats(name: str, heart: Mapping[str, float]) -> Iterator[Row]:
    goals = {"p99": 33.0}
    for key in ("p50", "p99", "max"):
        yield Row(f"{name} {key}", "ms", heart[key], goal=goals.get(key, UNLIMITED))
