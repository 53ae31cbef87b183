"""The walls of the house: who may import whom, checked on the source and in a live process."""

import os
import pathlib
import subprocess
import sys

import pytest
from importlinter import cli as importlinter

REPO = pathlib.Path(__file__).resolve().parents[2]
BLOCKED_QT = REPO / "tests" / "house" / "blocked_qt"

IMPORT_ALL = """
import importlib, pkgutil, sys
wanted, unwanted = sys.argv[1], sys.argv[2].split(",")
package = importlib.import_module(wanted)
for found in pkgutil.walk_packages(package.__path__, wanted + "."):
    below = found.name.partition(".")[2].partition(".")[0]
    if below in sys.argv[3:] or found.name.endswith(".__main__"):
        continue
    importlib.import_module(found.name)
sys.exit(", ".join(name for name in unwanted if sys.modules.get(name)) or 0)
"""


def import_all(package: str, unwanted: str, *skipped: str, path: str = "") -> str:
    """Import a package with all its modules in a child; return what went wrong."""
    environment = {**os.environ, "PYTHONPATH": path, "QT_QPA_PLATFORM": "offscreen"}
    child = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, package, unwanted, *skipped],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if child.returncode == 0:
        return ""
    return "\n".join(child.stderr.splitlines()[-2:]) or f"code {child.returncode}"


@pytest.mark.filterwarnings("default")
def test_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    broken = importlinter.lint_imports(config_filename=str(REPO / "pyproject.toml"), no_cache=True)
    assert broken == importlinter.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_window_loads_neither_torch_nor_the_engine() -> None:
    assert import_all("seqstudio.studio", "torch,seqstudio.engine") == ""


def test_everything_but_the_window_loads_without_qt() -> None:
    assert import_all("seqstudio", "PySide6", "studio", path=str(BLOCKED_QT)) == ""


def test_the_probe_sees_an_import() -> None:
    assert import_all("seqstudio.core", "seqstudio.core.errors") == "seqstudio.core.errors"
