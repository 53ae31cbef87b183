"""What Qt can do on this computer, as one JSON line: `python -m seqstudio.studio.report`.

A program of its own, because Qt aborts the process where no platform plugin can start.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import PySide6
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication


def qt_report() -> dict[str, Any]:
    """Start Qt and return "qt" and "binding" (versions), "platform" and "screens" (sentences)."""
    application = QGuiApplication([])
    return {
        "qt": qVersion(),
        "binding": PySide6.__version__,
        "platform": application.platformName(),
        "screens": [
            f"{screen.size().width()}x{screen.size().height()}"
            f" at {screen.devicePixelRatio() * 100:.0f} %"
            for screen in application.screens()
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(qt_report()) + "\n")
