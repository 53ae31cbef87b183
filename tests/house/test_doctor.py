"""`seqstudio doctor` always makes its report, whatever is broken on the computer."""

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from seqstudio.cli import doctor

REPO = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from seqstudio.cli.doctor import run_doctor; sys.exit(run_doctor({}))"
GONE = "raise ImportError('the library is broken')"
BREAKAGES = {
    "gone": dict.fromkeys(("PySide6", "torch", "rtmidi", "platformdirs"), GONE)
    | {"sounddevice": "raise OSError('PortAudio library not found')"},
    "crashing": dict.fromkeys(
        ("PySide6", "torch", "sounddevice", "rtmidi"), "import os; os.abort()"
    ),
    "chatty": dict.fromkeys(
        ("PySide6", "torch", "sounddevice", "rtmidi"), "print('hello'); raise SystemExit(0)"
    ),
}


def report(*, as_json: bool = True, broken: pathlib.Path | str = "") -> list[dict[str, Any]]:
    """Run the doctor as users do; return its lines."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(broken)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(as_json)],
        env=environment,
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    return [json.loads(line) if as_json else {"line": line} for line in lines]


def marks(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line["check"]: line["mark"] for line in lines}


def test_report_of_this_computer() -> None:
    found = {line["check"]: line for line in report()}
    assert found["Qt"]["mark"] == "ok"
    assert "offscreen" in found["Qt"]["fact"]
    assert found["torch"]["mark"] == "ok"
    assert found["package torch"]["fact"] in found["torch"]["fact"]
    assert found["Python"]["fact"].startswith(sys.version.split()[0])
    assert all(line["hint"] for line in found.values() if line["mark"] == "missing")


@pytest.mark.parametrize("kind", BREAKAGES)
def test_broken_libraries_are_findings(tmp_path: pathlib.Path, kind: str) -> None:
    for name, source in BREAKAGES[kind].items():
        (tmp_path / f"{name}.py").write_text(source)
    lines = report(broken=tmp_path)
    found = marks(lines)
    assert {name: found[name] for name in ("Qt", "torch", "sound", "MIDI")} == {
        "Qt": "missing",
        "torch": "missing",
        "sound": "missing",
        "MIDI": "note",
    }
    assert found["disk"] == ("missing" if kind == "gone" else "ok")
    facts = {line["check"]: line["fact"] for line in lines}
    if kind == "gone":
        assert facts["sound"] == "PortAudio library not found"
        assert "the library is broken" in facts["torch"]


def test_text_has_one_line_a_check_with_its_mark(tmp_path: pathlib.Path) -> None:
    (tmp_path / "torch.py").write_text(GONE)
    lines = [each["line"] for each in report(as_json=False, broken=tmp_path)]
    assert {line.split()[0] for line in lines} <= {"ok", "missing", "note"}
    (torch_line,) = [line for line in lines if line.split()[1] == "torch"]
    assert torch_line.startswith("missing")
    assert "pip install" in torch_line


def test_hanging_check_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "torch.py").write_text("import time; time.sleep(100)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "CHILD_SECONDS", 1)
    (finding,) = doctor._torch()
    assert finding.mark == "missing"
    assert "no answer within 1 s" in finding.fact


def test_full_or_forbidden_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    assert doctor._disk().mark == "missing"
    assert "Permission denied" in doctor._disk().fact


def test_known_bad_binding_is_named() -> None:
    answer = {"qt": "6.11.0", "binding": "6.11.0", "platform": "xcb", "screens": []}
    finding = doctor._qt_found(answer)
    assert finding.mark == "note"
    assert "lays docks out wrongly" in finding.fact


def test_device_names_beyond_the_terminals_letters(capfdbinary: Any) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    program = "from seqstudio.cli import doctor; doctor._print_safely('Flügel')"
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=REPO, check=True)
    assert capfdbinary.readouterr().out.strip() == b"Fl?gel"


def test_no_screen_is_a_note_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only on Linux does a missing variable tell that there is no screen")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    finding = doctor._qt()
    assert finding.mark == "note"
    assert "no screen" in finding.fact
    assert "desktop session" in finding.hint
