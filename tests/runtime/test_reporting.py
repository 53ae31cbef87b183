"""Reports of runs: tables hold every number, event files are the format, a page stands alone."""

from __future__ import annotations

import csv
import html.parser
import math
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError, StorageError
from seqstudio.document.project import project_text
from seqstudio.records.messages import Facts, Failed, LiveChanged, StateChanged
from seqstudio.records.readings import Metrics, Sample, Validation
from seqstudio.runtime.event_file import crc32c
from seqstudio.runtime.notes import RunNotes, clean_tags, load_notes, save_notes
from seqstudio.runtime.plot_svg import Line, chart
from seqstudio.runtime.reporting import write_report
from seqstudio.runtime.store import RunStore

NASTY = '<script>alert("x")</script><img src=http://example.org/x>'


def metrics(losses: list[float]) -> Metrics:
    n = len(losses)
    steps, flat = np.arange(1, n + 1), np.full(n, 0.5)
    return Metrics(steps, np.array(losses), flat, flat * 2e-3, flat, steps * 0.1, steps * 64)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    store = RunStore.create(folder, project_text(make("char-lstm")))
    store.append(Facts(1234, 4.0, NASTY, 1.5, "nats per character", 9, 9, "cpu"))
    store.append(StateChanged("running", 0, "cpu, float32"))
    store.append(metrics([3.0, math.pi, math.nan, 1 / 3]))
    store.append(LiveChanged(2, "learning_rate", 1e-3))
    store.append(Validation(4, 1.25, math.nan, 10, True, True))
    store.append(Failed("=SUM(A1)", NASTY, "", fatal=False))
    written = Sample(0, 4, "the ", NASTY, np.ones(2, np.float32), (), 0.8, 0, True)
    store.append(written)
    store.append(StateChanged("finished", 4, "cpu"))
    store.close()
    save_notes(folder, RunNotes(NASTY, ("good", "try <b>")))
    return folder


# -------------------------------------------------------------------------------------- tables


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_tables_hold_every_number_exactly(run: Path, tmp_path: Path) -> None:
    files = write_report([run], "csv", tmp_path / "out")
    assert [path.name for path in files] == ["curves.csv", "validations.csv", "events.csv"]
    rows = read(files[0])
    assert [row["step"] if "step" in row else row["steps"] for row in rows] == list("1234")
    assert [row["loss"] for row in rows] == [repr(3.0), repr(math.pi), "", repr(1 / 3)]
    assert float(rows[3]["seconds"]) == 0.4
    assert {row["run"] for row in rows} == {"one"}
    (valid,) = read(files[1])
    assert (valid["loss"], valid["accuracy"], valid["best"]) == ("1.25", "", "1")


def test_no_cell_is_a_formula(run: Path, tmp_path: Path) -> None:
    events = read(write_report([run], "csv", tmp_path / "out")[2])
    kinds = [row["kind"] for row in events]
    assert kinds == ["facts", "running", "changed", "warned", "finished"]
    assert events[2]["words"] == "learning_rate 0.001"
    assert events[3]["words"].startswith("'=SUM")


# --------------------------------------------------------------------------------- event files


def records(data: bytes) -> list[bytes]:
    """Take an event file apart as the format says, checking every checksum."""

    def unmasked(masked: int) -> int:
        turned = (masked - 0xA282EAD8) & 0xFFFFFFFF
        return (turned >> 17 | turned << 15) & 0xFFFFFFFF

    found, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        (head,) = struct.unpack_from("<I", data, place + 8)
        assert unmasked(head) == crc32c(data[place : place + 8])
        body = data[place + 12 : place + 12 + length]
        (tail,) = struct.unpack_from("<I", data, place + 12 + length)
        assert unmasked(tail) == crc32c(body)
        found.append(body)
        place += 16 + length
    return found


def fields(data: bytes) -> list[tuple[int, object]]:
    """Read the fields of a protocol message."""

    def varint(place: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = data[place]
            value |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                return value, place

    found: list[tuple[int, object]] = []
    place = 0
    while place < len(data):
        key, place = varint(place)
        kind: object
        if key & 7 == 0:
            kind, place = varint(place)
        elif key & 7 == 2:
            length, place = varint(place)
            kind, place = data[place : place + length], place + length
        else:
            size, form = {1: (8, "<d"), 5: (4, "<f")}[key & 7]
            kind, place = struct.unpack_from(form, data, place)[0], place + size
        found.append((key >> 3, kind))
    return found


def test_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_event_files_hold_the_curves(run: Path, tmp_path: Path) -> None:
    (path,) = write_report([run], "tensorboard", tmp_path / "out")
    assert re.fullmatch(r"events\.out\.tfevents\.\d{10}\.seqstudio", path.name)
    assert path.parent == tmp_path / "out" / "one"
    first, *rest = records(path.read_bytes())
    assert dict(fields(first))[3] == b"brain.Event:2"
    found: dict[str, list[tuple[int, float]]] = {}
    for body in rest:
        event = dict(fields(body))
        for _, value in fields(event[5]):  # type: ignore[arg-type]
            tag, number = (each for _, each in fields(value))  # type: ignore[arg-type]
            found.setdefault(tag.decode(), []).append((event[2], number))  # type: ignore[attr-defined, arg-type]
    assert found["loss/validation"] == [(4, 1.25)]
    assert [step for step, _ in found["loss/train"]] == [1, 2, 4]
    assert found["loss/train"][1][1] == np.float32(math.pi)
    assert "accuracy" not in found


# ---------------------------------------------------------------------------------------- page


class Page(html.parser.HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [f"{k}={v}" for k, v in attrs if k in {"src", "href", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_page_stands_alone_and_shows_words_as_words(run: Path, tmp_path: Path) -> None:
    (path,) = write_report([run], "html", tmp_path / "out" / "page.html")
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.links == []
    assert not page.tags & {"script", "img", "link", "iframe", "object", "b0"}
    assert "url(" not in text
    assert "@import" not in text
    assert page.words.count(NASTY) >= 4, "floor, notes, failure and sample are shown literally"
    for words in ("try <b>", "1.2500 at step 4", "learning rate", "1,234", "Hidden"):
        assert words.lower() in page.words.lower()
    assert text.count("<svg") == 3


def test_what_differs_between_runs_is_marked(run: Path, tmp_path: Path) -> None:
    project = make("char-lstm")
    training = project.training.with_value("learning_rate", 0.5)
    other = RunStore.create(
        tmp_path / "two", project_text(type(project)(project.graph, project.data, training))
    )
    other.append(metrics([2.0, 1.0]))
    other.close()
    (path,) = write_report([run, tmp_path / "two"], "html", tmp_path / "page.html")
    marked = re.findall(r'<tr class="differs"><th>(.*?)</th>', path.read_text("utf-8"))
    assert marked == ["Training: Learning rate"]


def test_a_chart_leaves_out_what_is_not_finite() -> None:
    x = np.arange(4.0)
    drawn = chart("Loss", [Line("a", x, np.array([1.0, math.nan, math.inf, 2.0]), 0)])
    (points,) = re.findall(r'points="(.*?)"', drawn)
    assert len(points.split()) == 2
    assert "nan" not in drawn
    assert "nothing recorded" in chart("Loss", [Line("a", x, x * math.nan, 0)])
    flat = chart("Loss", [Line("a", x, x * 0 + 7, 0)], log=True)
    assert len(re.findall(r'points="(.*?)"', flat)[0].split()) == 4


# ------------------------------------------------------------------------------------ refusals


def test_no_run_and_no_folder_are_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run to report"):
        write_report([], "csv", tmp_path)
    with pytest.raises(RunError, match="no run in"):
        write_report([tmp_path / "none"], "html", tmp_path / "x.html")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError):
        write_report([run], "csv", blocked / "out")


def test_damaged_notes_are_no_notes(run: Path) -> None:
    assert load_notes(run) == RunNotes(NASTY, ("good", "try <b>"))
    for damage in ("", "{", "[1]", '{"tags": 3}', '{"text": "x", "tags": [["a"]]}'):
        (run / "notes.json").write_text(damage)
        assert load_notes(run).tags in {(), ("['a']",)}
    assert clean_tags(["a, b", " b ", "", "c" * 99]) == ("a", "b", "c" * 60)
