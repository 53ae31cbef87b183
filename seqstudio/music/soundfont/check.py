"""Read a SoundFont once and say whether it can be played: `python -m ... FILE`.

Prints one line of JSON: [] for a good file, [what, why, hint] for one that is refused.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from seqstudio.core.errors import MusicError
from seqstudio.music.soundfont.font import SoundFont

_MEMORY_BYTES = 2 << 30
_TRIED_PRESETS = 64
_RATE = 44_100


def limit_memory(file_bytes: int) -> None:
    """Let this process have 2 GB and the mapped file, where the system can limit it."""
    if sys.platform == "win32":
        return
    import resource

    most = _MEMORY_BYTES + file_bytes
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))


def try_font(path: Path) -> None:
    """Read a file and begin a note of each of its first presets.

    Raises:
        MusicError: It is refused.
    """
    font = SoundFont(path)
    for preset in font.presets[:_TRIED_PRESETS]:
        for tone in font.tones((preset.bank, preset.program), 60, 100, _RATE):
            tone.tone.span(0, 1)


def main(arguments: list[str]) -> int:
    """Check one file.

    Returns:
        0 when it can be played, 1 when it is refused.
    """
    path = Path(arguments[0])
    try:
        limit_memory(path.stat().st_size if path.exists() else 0)
        try_font(path)
        said: list[str] = []
    except MusicError as error:
        said = [error.what, error.why, error.hint]
    except MemoryError:
        said = ["the SoundFont cannot be read", "it needs more memory than fonts do", ""]
    sys.stdout.write(json.dumps(said) + "\n")
    return 1 if said else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
