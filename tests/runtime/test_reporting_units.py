"""A report never draws losses of different units into one chart."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.records.messages import Facts, StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.runtime.reporting import write_report
from seqstudio.runtime.store import RunStore


def run(folder: Path, unit: str) -> Path:
    steps, flat = np.arange(1, 4), np.full(3, 0.5)
    store = RunStore.create(folder, project_text(make("char-lstm")))
    store.append(Facts(1234, 4.0, "counting", 1.5, unit, 9, 9, "cpu"))
    store.append(Metrics(steps, flat + 1, flat, flat * 2e-3, flat, steps * 0.1, steps * 64))
    store.append(StateChanged("finished", 3, "cpu"))
    store.close()
    return folder


def test_every_unit_has_a_chart_of_its_own(tmp_path: Path) -> None:
    units = {"a": "nats per character", "b": "nats per event", "c": "nats per character"}
    folders = [run(tmp_path / name, unit) for name, unit in units.items()]
    out = tmp_path / "report.html"
    write_report(folders, "html", out)
    page = out.read_text("utf-8")
    assert len(re.findall(">Loss, nats per character<", page)) == 1
    assert len(re.findall(">Loss, nats per event<", page)) == 1
