"""Finding the command, saying mistakes in one line, and the exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqstudio.cli import arguments, entry
from seqstudio.cli.arguments import COMMANDS

HEAVY = (
    "import sys; from seqstudio.cli import main; main({}); heavy = ('torch', 'PySide6', 'numpy'); "
)
HEAVY += "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"


def child(*words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "seqstudio", *words]
    return subprocess.run(run, text=True, timeout=60, check=False, **settings)  # type: ignore[call-overload]


def test_help_lists_every_command(call) -> None:
    told = call("--help")
    assert told.code == 0
    assert all(f"  {name} " in told.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_leads_somewhere(call, name: str) -> None:
    told = call(name, "--help")
    assert told.code == 0
    assert COMMANDS[name].help in told.out
    module, _, function = COMMANDS[name].where.partition(":")
    found = __import__(module, fromlist=[function])
    assert callable(getattr(found, function))


def test_version_is_that_of_the_package(call) -> None:
    import seqstudio

    assert call("--version").out == f"SeqStudio {seqstudio.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["templates"], ["train", "--help"]])
def test_help_and_templates_load_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAVY.format(words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian", "x.seq"], "There is no command 'trian'. Did you mean train"),
        (["zzz"], "Choose one of: templates, new"),
        (["gone.seq"], "There is no file gone.seq"),
        (["train"], "The following arguments are required: PROJECT"),
        (["train", "x.seq", "--stesp", "3"], "Unrecognized arguments: --stesp 3"),
        (["train", "x.seq", "--steps", "3", "--minutes", "1"], "not allowed with"),
        (["inspect", "colours", "x.seq", "--out", "x.npz"], "choose from"),
        (["--thread-engin"], "Unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(call, words: list[str], said: str) -> None:
    told = call(*words)
    assert told.code == 2
    assert told.out == ""
    assert said in told.err
    assert told.err.startswith("seqstudio: ")
    assert told.err.count("\n") == 1


def test_an_unexpected_exception_is_internal_and_told_without_traceback(
    call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_arguments: object) -> int:
        raise ZeroDivisionError("the\nsecond line")

    monkeypatch.setattr(entry, "doctor", broken)
    told = call("doctor")
    assert told.code == 1
    assert told.err == (
        "seqstudio: internal error, ZeroDivisionError: the second line. "
        "Add --debug for the details.\n"
    )
    told = call("doctor", "--debug")
    assert told.code == 1
    assert "Traceback" in told.err


def test_ctrl_c_outside_of_a_run_ends_with_130(call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "doctor", interrupted)
    assert call("doctor").code == 130


def test_a_reader_that_has_gone_is_no_failure_to_talk_about() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = child("templates", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_onto_a_full_disk_is_said(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = child("templates", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == (
        "seqstudio: The output was not written: the disk is full. "
        "Free some space and run it again.\n"
    )


def test_doctor_is_the_doctor(call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        "seqstudio.cli.doctor.run_doctor", lambda as_json: asked.append(as_json) or 0
    )
    assert call("doctor").code == 0
    assert call("doctor", "--json").code == 0
    assert asked == [False, True]


def test_the_window_opens_the_project(
    call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("PySide6")
    opened = []
    monkeypatch.setattr(
        "seqstudio.studio.app.run", lambda path, threads: opened.append((path, threads)) or 0
    )
    assert call("new", "hello-rnn", tmp_path / "a.seq").code == 0
    assert call(tmp_path / "a.seq", "--thread-engine").code == 0
    assert call().code == 0
    assert opened == [(tmp_path / "a.seq", True), (None, False)]


def test_words_of_the_parser_name_the_way_to_help() -> None:
    with pytest.raises(arguments.UsageError) as caught:
        arguments.parser_of("train").parse_args([])
    assert caught.value.hint == "seqstudio train --help shows what can be given"
