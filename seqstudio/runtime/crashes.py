"""What the threads of a trainer did when native code crashed: a file that outlives the process."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

NAME = "crash.log"
LIMIT = 200_000


class CrashLog:
    """The file that a trainer's faulthandler writes to; empty unless the process crashes.

    Attributes:
        path: Where it is until it is removed.
    """

    def __init__(self) -> None:
        number, name = tempfile.mkstemp(prefix="seqstudio-trainer-", suffix=".log")
        os.close(number)
        self.path = Path(name)

    def keep(self, folder: Path) -> str:
        """Copy what it says into the folder of a run as `crash.log`; return it, "" for nothing."""
        try:
            text = self.path.read_text("utf-8", errors="replace")[:LIMIT]
        except OSError:
            return ""
        with suppress(OSError):  # the details show it anyway
            if text:
                (folder / NAME).write_text(text, "utf-8")
        return text

    def remove(self) -> None:
        """Take the file away."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
