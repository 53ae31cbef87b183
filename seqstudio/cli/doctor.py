"""`seqstudio doctor`: what works on this computer, and what to do about the rest.

Whatever can crash, hang or be missing is asked in a child process, so the report is always made.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import seqstudio

Mark = Literal["ok", "missing", "note"]

GIBIBYTE = 2**30
CHILD_SECONDS = 60
LITTLE_DISK_GIB = 2.0
LITTLE_MEMORY_GIB = 4.0
INSTALL = "pip install -c constraints.txt -e ."
LET_WRITE = "give yourself the right to write there"
USER_EXTRAS = ("midi", "export", "tensorboard")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: What was looked at, one or two words.
        mark: "ok"; "missing" where a part of SeqStudio cannot work; "note" for the rest.
        fact: What was found.
        hint: What to do, or "".
    """

    check: str
    mark: Mark
    fact: str
    hint: str = ""

    def line(self) -> str:
        """Return the finding as one line of text."""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.mark:<8} {self.check:<26} {self.fact}{hint}"


def run_doctor(as_json: bool) -> int:
    """Print one line a check, as text or as JSON objects, and return the exit code 0.

    The report itself is the work: missing parts do not change the exit code.
    """
    for finding in findings():
        _print_safely(json.dumps(asdict(finding)) if as_json else finding.line())
    return 0


def findings() -> Iterator[Finding]:
    """Yield the report line by line; takes a few seconds, most of them to load torch."""
    yield Finding("SeqStudio", "ok", f"{seqstudio.__version__} in {_package_folder()}")
    yield _python()
    yield Finding("computer", "ok", f"{platform.platform()}, {os.cpu_count() or 1} CPU threads")
    yield _memory()
    yield _disk()
    yield _qt()
    yield from _torch()
    yield _sound()
    yield _midi()
    yield from _packages()


def _print_safely(line: str) -> None:
    # A device's name may hold letters that an old terminal's encoding lacks.
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)


def _package_folder() -> Path:
    return Path(seqstudio.__file__).parent


def _python() -> Finding:
    fact = f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})"
    return Finding("Python", "ok", fact)


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIBIBYTE
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return Finding("memory", "note", "its size cannot be asked on this system")
    if total < LITTLE_MEMORY_GIB:
        return Finding("memory", "note", f"{total:.1f} GiB", "choose small models and batches")
    return Finding("memory", "ok", f"{total:.1f} GiB")


def _disk() -> Finding:
    try:
        import platformdirs
    except ImportError:
        return Finding("disk", "missing", "platformdirs cannot be imported", INSTALL)
    folder = platformdirs.user_data_path("seqstudio", appauthor=False)
    existing = next(each for each in (folder, *folder.parents) if each.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"\0")
        free = shutil.disk_usage(existing).free / GIBIBYTE
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("disk", "missing", f"{folder} cannot be written: {reason}", LET_WRITE)
    fact = f"{folder} can be written, {free:.1f} GiB free"
    if free < LITTLE_DISK_GIB:
        return Finding("disk", "note", fact, "free some space: runs keep checkpoints")
    return Finding("disk", "ok", fact)


def _qt() -> Finding:
    reason, hint = "there is no screen (DISPLAY is not set)", "start it from a desktop session"
    if _may_have_screen():
        hint = "check DISPLAY, and install libxcb-cursor0 (Debian, Ubuntu)"
        answer, reason = _ask("seqstudio.studio.report")
        if answer:
            return _qt_found(answer)
    answer, offscreen_reason = _ask("seqstudio.studio.report", QT_QPA_PLATFORM="offscreen")
    if answer:
        return Finding(
            "Qt",
            "note",
            f"{answer['qt']} draws pictures, but no window opens here: {reason}",
            hint,
        )
    return Finding(
        "Qt", "missing", offscreen_reason, f"{INSTALL}; scripts/run also adds libraries"
    )


def _may_have_screen() -> bool:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


def _qt_found(answer: dict[str, Any]) -> Finding:
    screens = ", ".join(answer["screens"]) or "no screen"
    fact = f"{answer['qt']}, platform {answer['platform']}, {screens}"
    bad = {"6.11.0": "lays docks out wrongly", "6.11.1": "lays docks out wrongly"}
    if sys.version_info < (3, 12):
        bad["6.12.0"] = "aborts this Python"
    if answer["binding"] in bad:
        fault = bad[answer["binding"]]
        return Finding("Qt", "note", f"PySide6 {answer['binding']} {fault}", INSTALL)
    return Finding("Qt", "ok", fact)


def _torch() -> Iterator[Finding]:
    answer, reason = _ask("seqstudio.engine.report")
    if not answer:
        yield Finding("torch", "missing", f"nothing can be trained: {reason}", INSTALL)
        return
    units = "with" if answer["bf16"] else "without"
    fact = f"{answer['version']}, {answer['threads']} threads, {answer['cpu']} {units} bf16 units"
    yield Finding("torch", "ok", fact)
    if answer["devices"]:
        yield Finding("accelerator", "ok", "; ".join(answer["devices"]))
    elif answer["cuda"]:
        hint = "with an NVIDIA card, update its driver"
        yield Finding("accelerator", "note", "none found: training runs on the CPU", hint)
    else:
        fact = "none: this torch is built for the CPU"
        yield Finding("accelerator", "note", fact, "README tells how to use an NVIDIA card")


def _sound() -> Finding:
    answer, reason = _ask("seqstudio.audio.report", "sound")
    if not answer:
        hint = "install libportaudio2 (Debian, Ubuntu) to hear tunes; saving them works"
        return Finding("sound", "missing", reason, hint)
    if not answer["outputs"]:
        fact = f"{answer['portaudio'].partition(',')[0]}, but no output device"
        return Finding("sound", "note", fact, "tunes can be saved, not heard")
    names = ", ".join(answer["outputs"][:3])
    return Finding("sound", "ok", f"{len(answer['outputs'])} outputs: {names}")


def _midi() -> Finding:
    answer, reason = _ask("seqstudio.audio.report", "midi")
    if not answer:
        hint = "pip install 'seqstudio[midi]' for live ports; .mid files work without"
        return Finding("MIDI", "note", reason, hint)
    ports = ", ".join(answer["outputs"]) or "no output port"
    return Finding("MIDI", "ok", f"{ports}; {len(answer['inputs'])} inputs")


def _ask(module: str, *arguments: str, **environment: str) -> tuple[dict[str, Any], str]:
    """Run a report module in a child; return its answer, or {} and why there is none."""
    roots = [os.environ.get("PYTHONPATH", ""), str(_package_folder().parent)]
    path = os.pathsep.join(each for each in roots if each)
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=CHILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no answer within {CHILD_SECONDS} s"
    except OSError as error:
        return {}, f"no process can be started ({error.strerror})"
    answers = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    if done.returncode or not answers:
        return {}, _last_words(done)
    return json.loads(answers[-1]), ""


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return the cause of a child's death: the error of its traceback, or its last line."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if not lines:
        return f"the check ended with code {done.returncode}"
    errors = re.findall(r"^[\w.]*(?:Error|Exception): (.+)$", done.stderr, re.MULTILINE)
    could_not = [line for line in lines if "could not" in line.lower()]
    return (errors or could_not or lines)[-1]


def _packages() -> Iterator[Finding]:
    try:
        requirements = metadata.requires("seqstudio") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "note", "SeqStudio runs uninstalled, from its folder", INSTALL)
        return
    for requirement in requirements:
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if extra is None:
            yield _package(name, "missing", INSTALL)
        elif extra[1] in USER_EXTRAS:
            yield _package(name, "note", f"optional: pip install 'seqstudio[{extra[1]}]'")


def _package(name: str, absent: Mark, hint: str) -> Finding:
    try:
        return Finding(f"package {name}", "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(f"package {name}", absent, "not installed", hint)
