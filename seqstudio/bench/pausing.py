"""How soon a run that trains beside a window answers a pause."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import numpy as np

from seqstudio.core.errors import RunError

MOST_S = 30.0


def pause(template: str, times: int, folder: str) -> dict[str, Any]:
    """Pause a run again and again; how long it takes, and how long its steps take, in ms.

    The answer counts when it has reached this process; the window shows it at its next look.
    """
    from seqstudio.bench.desk import Desk, endless  # which imports this module

    desk, chance = Desk(), random.Random(0)  # the moments only have to differ
    session = desk.window.session
    desk.open(endless(template, 1), Path(folder) / "project.seq")
    desk.warm_up()
    session.play()
    runner = session.view.runner
    desk.until(lambda: session.history.step > 8, "a few steps")
    found: dict[str, Any] = {"latency": []}
    for _ in range(times):
        desk.until(lambda: session.state == "running", "a run")
        desk.spin(chance.uniform(0.2, 0.6))
        began = time.perf_counter()
        session.pause()
        while runner.state != "paused":
            if time.perf_counter() - began > MOST_S:
                raise RunError("The run was not paused", f"no answer within {MOST_S:.0f} s")
            time.sleep(0.0002)
        found["latency"].append(1e3 * (time.perf_counter() - began))
        desk.until(lambda: session.state == "paused", "the pause")
        session.play()
    seconds = np.diff(session.history.curves.seconds[-200:])
    found["step"] = 1e3 * float(np.median(seconds))
    desk.close()
    return found
