"""Run pytest on a Python without Qt, for scripts/test-without-qt.

The core, the trainer and the command line serve machines that have no Qt. Here Qt is blocked for
the tests and for every process they start, and the tests of the window are left out.
"""

import os
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
NEEDS_QT = ("studio", "gui", "journeys", "house")
BLOCKED = FOLDER / "blocked_qt"


def block_qt() -> None:
    """Put modules that refuse to load before the real ones, here and in child processes."""
    inherited = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(BLOCKED), inherited)))
    sys.path.insert(0, str(BLOCKED))


def main(arguments: list[str]) -> int:
    """Run the tests and return pytest's exit code."""
    block_qt()
    sys.path.insert(1, str(FOLDER.parents[1]))  # as `python -m pytest` does
    ignored = [f"--ignore={FOLDER.parent / name}" for name in NEEDS_QT]
    return pytest.main(["-p", "no:pytest-qt", "-p", "qt_settings", *ignored, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
