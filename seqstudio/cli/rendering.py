"""`seqstudio render`: a panel or a page of the window as a picture, without a screen."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path

from seqstudio.cli.usage import UsageError, checked_out
from seqstudio.core.files import write_atomic

_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def render(arguments: Namespace) -> int:
    """Draw a panel or page into a PNG file."""
    out = checked_out(Path(arguments.out), (".png",))
    size = _size(arguments.size)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported
    from seqstudio.studio.render import Order, picture

    order = Order(
        Path(arguments.project), arguments.panel, arguments.run or "", size, arguments.theme
    )
    write_atomic(out, picture(order))
    print(f"{out.name}: {arguments.panel} of {order.path.name}")
    return 0


def _size(given: str | None) -> tuple[int, int] | None:
    if given is None:
        return None
    found = _SIZE.fullmatch(given.strip().lower())
    if found is None:
        raise UsageError(f"{given} is no size", "", "Write it as 1200x800")
    return int(found[1]), int(found[2])
