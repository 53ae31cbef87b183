"""The first reading of a SoundFont: in a process of its own, with limits on time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from seqstudio.core.errors import MusicError

TIME_LIMIT_S = 30.0
_HINT = "bring another SoundFont, or the file anew from where it came from"


def first_reading(path: Path, limit_s: float = TIME_LIMIT_S) -> None:
    """Have a file read by a child process, which alone falls if the file is made to hurt.

    Raises:
        MusicError: The child refuses the file, dies over it, or is not done in time.
    """
    what = "the SoundFont cannot be read"
    command = [sys.executable, "-m", "seqstudio.music.soundfont.check", str(path.absolute())]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=limit_s, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise MusicError(what, f"reading it takes more than {limit_s:g} seconds", _HINT) from error
    except OSError as error:
        raise MusicError(
            what, "the process that tries it cannot be started", str(error)
        ) from error
    verdict = _verdict(done.stdout)
    if verdict is None:
        raise MusicError(what, "the process that tried it ended early", _HINT)
    if verdict:
        raise MusicError(*verdict)


def _verdict(output: bytes) -> list[str] | None:
    """Return what, why and hint of a refusal, [] for a good file, None for no answer."""
    try:
        said = json.loads(output.decode("utf-8").splitlines()[-1])
    except (ValueError, IndexError):
        return None
    if not isinstance(said, list) or len(said) not in {0, 3}:
        return None
    return [str(part) for part in said]


def _environment() -> dict[str, str]:
    """Return the environment of this process, in which the child finds the same package."""
    home = str(Path(__file__).parents[3])
    others = os.environ.get("PYTHONPATH", "")
    found = os.pathsep.join([home, others]) if others else home
    return os.environ | {"PYTHONPATH": found, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
