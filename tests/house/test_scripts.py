"""The scripts set up a fresh machine, say the one command where they may not, and do it once.

They run for real, on a PATH of fakes: what is installed, who is asking and what apt and pip answer
is the test's to say, and each fake writes down how it was called.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ("run", "test", "test-without-qt", "check")
TOOLS = ("dirname", "cat", "mkdir", "env", "cp", "true", "flock")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shell scripts")

QT = [
    "libGL.so.1", "libEGL.so.1", "libxkbcommon.so.0", "libdbus-1.so.3", "libfontconfig.so.1",
    "libglib-2.0.so.0",
]  # fmt: skip
WINDOW = [
    "libxcb-cursor.so.0", "libxkbcommon-x11.so.0", "libxcb-icccm.so.4", "libxcb-keysyms.so.1",
    "libxcb-shape.so.0",
]  # fmt: skip
SOUND = ["libportaudio.so.2"]

NOTE_CALL = 'printf "%s" "${0##*/}" >>"$CALLS"; printf " %s" "$@" >>"$CALLS"; echo >>"$CALLS"\n'
FAKES = {
    "ldconfig": 'cat "$LIBRARIES"',
    "id": 'echo "${FAKE_UID-1000}"',
    "sudo": NOTE_CALL + '[ -n "${FAKE_SUDO-}" ] || exit 1; shift; exec "$@"',
    "apt-get": NOTE_CALL + 'exit "${FAKE_APT-0}"',
    # The host's Python: asked for its version, for ensurepip, and to make the environment.
    "python3": """case $* in
*version_info*) exit "${FAKE_OLD-0}" ;;
*ensurepip*) exit "${FAKE_NO_VENV-0}" ;;
"-m venv"*) """
    + NOTE_CALL
    + """for last; do :; done; mkdir -p "$last/bin"; cp "$VENV_PYTHON" "$last/bin/python" ;;
esac""",
}
VENV_PYTHON = (
    """#!/bin/sh
case $* in
-V) echo "Python ${FAKE_VERSION-3.11.2}" ;;
*--version) exit 0 ;;
"-m pip install"*) """
    + NOTE_CALL
    + """exit "${FAKE_PIP-0}" ;;
*) printf 'started'; printf ' <%s>' "$@"; echo " in $PWD, platform ${QT_QPA_PLATFORM-none}" ;;
esac
"""
)


class Machine:
    """A checkout in a folder with a space, and a PATH that holds nothing but fakes."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.checkout = folder / "seq studio"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        self.libraries_file = folder / "libraries"
        self.elsewhere = folder / "some where"
        for each in (self.checkout, self.bin, self.elsewhere):
            each.mkdir()
        shutil.copytree(REPO / "scripts", self.checkout / "scripts")
        (self.checkout / "pyproject.toml").write_text("[project]\n")
        (self.checkout / "constraints.txt").write_text("torch==2.13.0\n")
        (folder / "venv-python").write_text(VENV_PYTHON)
        (folder / "venv-python").chmod(0o755)
        for name, body in FAKES.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
            (self.bin / name).chmod(0o755)
        for name in TOOLS:
            if real := shutil.which(name):
                (self.bin / name).symlink_to(real)
        self.environment = {
            "PATH": str(self.bin),
            "CALLS": str(self.calls_file),
            "LIBRARIES": str(self.libraries_file),
            "VENV_PYTHON": str(folder / "venv-python"),
        }
        self.has(QT + WINDOW + SOUND)

    def has(self, libraries: list[str]) -> None:
        lines = [f"\t{name} (libc6,x86-64) => /lib/{name}\n" for name in libraries]
        self.libraries_file.write_text("9 libs found in cache\n" + "".join(lines))

    def start(
        self, script: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        self.calls_file.write_text("")
        return subprocess.run(
            ["/bin/sh", str(self.checkout / "scripts" / script), *arguments],
            env=self.environment | environment,
            cwd=self.elsewhere,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self, tool: str) -> list[str]:
        lines = self.calls_file.read_text().splitlines()
        return [line for line in lines if line.split(" ", 1)[0] == tool]


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("script", [*(f"scripts/{name}" for name in SCRIPTS), "scripts/setup.sh"])
def test_syntax(shell: str, script: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    assert subprocess.run([shell, "-n", str(REPO / script)], timeout=60).returncode == 0


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in SCRIPTS), ".ci/run"])
def test_can_be_executed(name: str) -> None:
    assert os.access(REPO / name, os.X_OK)


def test_first_start_installs_and_passes_arguments_on(machine: Machine) -> None:
    done = machine.start("run", "train", "my tune.seq")
    assert done.returncode == 0, done.stderr
    main = machine.checkout / "main.py"
    assert done.stdout == (
        f"started <{main}> <train> <my tune.seq> in {machine.elsewhere}, platform none\n"
    )
    assert machine.calls("python") == ["python -m pip install -c constraints.txt -e ."]
    assert machine.calls("apt-get") == []


def test_tests_run_from_the_top_without_a_screen(machine: Machine) -> None:
    done = machine.start("test", "-k", "a or b")
    assert done.stdout == (
        f"started <-m> <pytest> <-k> <a or b> in {machine.checkout}, platform offscreen\n"
    )
    assert machine.calls("python") == ["python -m pip install -c constraints.txt -e .[test]"]
    assert "platform xcb" in machine.start("test", QT_QPA_PLATFORM="xcb").stdout


def test_repeat_installs_nothing(machine: Machine) -> None:
    machine.start("run")
    again = machine.start("run")
    assert again.returncode == 0
    assert again.stderr == ""
    assert machine.calls_file.read_text() == ""


def test_change_of_pins_installs_again(machine: Machine) -> None:
    machine.start("run")
    (machine.checkout / "constraints.txt").write_text("torch==2.14.0\n")
    machine.start("run")
    assert len(machine.calls("python")) == 1
    assert machine.calls("python3") == []  # the environment itself stays


def test_change_of_python_or_purpose_installs_again(machine: Machine) -> None:
    machine.start("run")
    machine.start("run", FAKE_VERSION="3.13.0")
    assert len(machine.calls("python")) == 1
    machine.start("test", FAKE_VERSION="3.13.0")
    assert len(machine.calls("python")) == 1


def test_failed_install_is_told_and_tried_again(machine: Machine) -> None:
    failed = machine.start("run", FAKE_PIP="1")
    assert failed.returncode == 1
    assert "could not be installed" in failed.stderr
    assert "started" not in failed.stdout
    machine.start("run")
    assert len(machine.calls("python")) == 1


def test_plain_user_gets_one_command(machine: Machine) -> None:
    machine.has([name for name in QT if name != "libEGL.so.1"])
    done = machine.start("test", FAKE_NO_VENV="1")
    assert done.returncode == 2
    commands = [line for line in done.stderr.splitlines() if "apt-get" in line]
    assert commands == ["    sudo apt-get install -y python3-venv libegl1"]
    assert machine.calls("apt-get") == []
    assert not (machine.checkout / ".venv").exists()


@pytest.mark.parametrize("rights", [{"FAKE_UID": "0"}, {"FAKE_SUDO": "1"}])
def test_who_may_installs(machine: Machine, rights: dict[str, str]) -> None:
    machine.has([])
    done = machine.start("run", DISPLAY=":0", **rights)
    assert done.returncode == 0, done.stderr
    required, wished = machine.calls("apt-get")
    assert required.endswith(
        "libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 libxcb-cursor0 "
        "libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
    )
    assert wished.endswith(" libportaudio2")
    assert bool(machine.calls("sudo")) == ("FAKE_SUDO" in rights)


def test_failing_apt_gets_fresh_lists_then_the_command(machine: Machine) -> None:
    machine.has(QT[1:])
    done = machine.start("test", FAKE_UID="0", FAKE_APT="100")
    assert done.returncode == 2
    assert [" update" in call for call in machine.calls("apt-get")] == [False, True]
    assert "sudo apt-get install -y libgl1\n" in done.stderr


def test_no_portaudio_is_a_note_given_once(machine: Machine) -> None:
    machine.has(QT + WINDOW)
    done = machine.start("run", DISPLAY=":0")
    assert done.returncode == 0
    assert "note: without libportaudio2" in done.stderr
    assert machine.start("run", DISPLAY=":0").stderr == ""


def test_window_libraries_are_needed_for_a_screen_only(machine: Machine) -> None:
    machine.has(QT)
    assert machine.start("run", "train").returncode == 0
    done = machine.start("run", DISPLAY=":0")
    assert done.returncode == 2
    assert "libxcb-cursor0" in done.stderr


def test_old_python_asks_for_a_newer_one(machine: Machine) -> None:
    done = machine.start("run", FAKE_OLD="1")
    assert done.returncode == 2
    assert "apt-get install -y python3.11 python3.11-venv\n" in done.stderr


def test_no_python_at_all_asks_for_it(machine: Machine) -> None:
    (machine.bin / "python3").unlink()
    done = machine.start("run")
    assert done.returncode == 2
    assert "apt-get install -y python3 python3-venv\n" in done.stderr


def test_system_without_apt_is_told_the_names(machine: Machine) -> None:
    (machine.bin / "apt-get").unlink()
    machine.has(QT[1:])
    done = machine.start("test")
    assert done.returncode == 2
    assert "libgl1" in done.stderr


def test_without_ldconfig_nothing_is_missing(machine: Machine) -> None:
    (machine.bin / "ldconfig").unlink()
    if any(shutil.which("ldconfig", path=each) for each in ("/usr/sbin", "/sbin")):
        (machine.bin / "ldconfig").write_text("#!/bin/sh\nexit 127\n")
        (machine.bin / "ldconfig").chmod(0o755)
    assert machine.start("run").returncode == 0
