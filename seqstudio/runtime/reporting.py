"""Runs for others: tables (CSV), TensorBoard event files, a page (HTML) that needs nothing else.

The page holds everything in itself: curves as SVG, no script, no link, no picture from elsewhere.
Every word in it that a person or a file gave is escaped.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import numpy as np

import seqstudio
from seqstudio.core.errors import RunError, SeqError
from seqstudio.core.files import storage_error, write_atomic
from seqstudio.document.project import Project, load_project
from seqstudio.document.settings import Settings
from seqstudio.records.messages import Event, Facts, Failed, LiveChanged, Saved, StateChanged
from seqstudio.records.readings import Sample
from seqstudio.runtime.archive import open_run, read_events
from seqstudio.runtime.event_file import event_file
from seqstudio.runtime.forking import forked_from
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.notes import RunNotes, load_notes
from seqstudio.runtime.plot_svg import Line, chart
from seqstudio.runtime.series import COLUMNS, thin_rows
from seqstudio.runtime.store import PROJECT

FORMATS = ("html", "csv", "tensorboard")
SHOWN_ROWS = 1500
SHOWN_SAMPLES = 3
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Reported:
    """A run with everything that a report tells of it.

    Attributes:
        name: Its name.
        project: The project as it was trained.
        history: Its record, without the large readings.
        events: What it said, with the time in seconds since 1970.
        notes: The person's words.
        parent: Run and step that it was forked from, or "".
        environment: Torch, device, precision and threads, in words.
    """

    name: str
    project: Project
    history: RunHistory
    events: tuple[tuple[float, Event], ...]
    notes: RunNotes
    parent: str
    environment: dict[str, str]


def gather(folder: Path) -> Reported:
    """Read a run for a report.

    Raises:
        RunError: It cannot be read.
    """
    history = open_run(folder, readings=False)
    try:
        project = load_project(folder / PROJECT)
    except SeqError:
        project = Project()  # the record is worth a report by itself
    return Reported(
        folder.name, project, history, tuple(read_events(folder)), load_notes(folder),
        forked_from(folder), _environment(folder, history),
    )  # fmt: skip


def write_report(folders: Sequence[Path], form: str, out: Path) -> list[Path]:
    """Write a report of some runs.

    Args:
        folders: Folders of the runs, the one to compare with first.
        form: One of `FORMATS`.
        out: File for "html", else a folder, made if needed.

    Returns:
        The files written.

    Raises:
        RunError: A run cannot be read, or there is none.
        StorageError: A file cannot be written.
    """
    if not folders:
        raise RunError("There is no run to report", "", "Train first, or choose a run")
    runs = [gather(folder) for folder in folders]
    files = _WRITERS[form](runs, out)
    for path, data in files.items():
        _make_folder(path.parent)
        write_atomic(path, data)
    return list(files)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _environment(folder: Path, history: RunHistory) -> dict[str, str]:
    """Return what the newest checkpoint and the record say about the machine."""
    found = {"SeqStudio": seqstudio.__version__, "Device": history.detail}
    newest = sorted((folder / "checkpoints").glob("step-*.json"))
    try:
        meta = json.loads(newest[-1].read_bytes())
        found |= {
            "Torch": str(meta["torch"]),
            "Precision": str(meta["precision"]),
            "Threads": str(meta["threads"]),
            "Data": str(meta["data_hash"])[:16],
        }
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        pass
    return {name: value for name, value in found.items() if value}


# ------------------------------------------------------------------------------------------ CSV


def _csv(runs: Sequence[Reported], out: Path) -> dict[Path, bytes]:
    return {
        out / "curves.csv": _table(("run", *COLUMNS), _curve_rows(runs)),
        out / "validations.csv": _table(
            ("run", "step", "loss", "accuracy", "count", "complete", "best"),
            (
                (run.name, v.step, v.loss, v.accuracy, v.count, int(v.complete), int(v.best))
                for run in runs
                for v in run.history.validations
            ),
        ),
        out / "events.csv": _table(
            ("run", "time", "step", "kind", "words"),
            (
                (run.name, _time(at), *told)
                for run in runs
                for at, event in run.events
                if (told := _told(event)) is not None
            ),
        ),
    }


def _curve_rows(runs: Sequence[Reported]) -> Iterator[Sequence[object]]:
    for run in runs:
        curves = run.history.curves
        columns = [getattr(curves, name).tolist() for name in COLUMNS]
        yield from ((run.name, *row) for row in zip(*columns, strict=True))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8")


def _cell(value: object) -> object:
    """Return a value as it is written: numbers exactly, words never as a formula."""
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _told(event: Event) -> tuple[int | str, str, str] | None:
    """Return step, kind and words of an event, None for what the other tables have."""
    match event:
        case StateChanged():
            return event.step, event.state, event.detail
        case LiveChanged():
            return event.step, "changed", f"{event.name} {event.value!r}"
        case Saved():
            return event.step, "saved", "best" if event.best else "checkpoint"
        case Failed():
            return "", "failed" if event.fatal else "warned", f"{event.what}: {event.why}"
        case Facts():
            return "", "facts", f"{event.parameters} parameters, floor {event.floor:g}"
        case _:
            return None


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


# ---------------------------------------------------------------------------------- TensorBoard


def _tensorboard(runs: Sequence[Reported], out: Path) -> dict[Path, bytes]:
    return {out / run.name / _event_name(run): event_file(*_scalars(run)) for run in runs}


def _event_name(run: Reported) -> str:
    return f"events.out.tfevents.{int(_began(run)):010d}.seqstudio"


def _began(run: Reported) -> float:
    return run.events[0][0] if run.events else 0.0


def _scalars(run: Reported) -> tuple[float, list[tuple[float, int, dict[str, float]]]]:
    """Return when the run began, and its numbers by step, with the time of each."""
    began, curves = _began(run), run.history.curves
    rows = [
        (
            began + seconds,
            step,
            {"loss/train": loss, "gradient norm": norm, "learning rate": rate},
        )
        for step, seconds, loss, norm, rate in zip(
            curves.steps.tolist(), curves.seconds.tolist(), curves.loss.tolist(),
            curves.grad_norm.tolist(), curves.rate.tolist(), strict=True,
        )
    ]  # fmt: skip
    for each in run.history.validations:
        place = int(np.searchsorted(curves.steps, each.step))
        at = float(curves.seconds[min(place, len(curves) - 1)]) if len(curves) else 0.0
        told = {"loss/validation": each.loss, "accuracy": each.accuracy}
        rows.append((began + at, each.step, told))
    return began, sorted(rows, key=lambda row: row[1])


# ----------------------------------------------------------------------------------------- HTML


def _html(runs: Sequence[Reported], out: Path) -> dict[Path, bytes]:
    names = ", ".join(run.name for run in runs)
    sections = [
        _curves_section(runs),
        _summary(runs),
        _settings(runs),
        *(_run_section(run) for run in runs),
    ]
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = _PAGE.format(
        title=escape(f"Runs: {names}"),
        names=escape(names),
        told=escape(f"SeqStudio {seqstudio.__version__}, {when}"),
        body="\n".join(sections),
    )
    return {out: page.encode("utf-8", errors="replace")}


def _curves_section(runs: Sequence[Reported]) -> str:
    loss = dict[str, list[Line]]()  # by unit: losses of different units never share a chart
    for number, run in enumerate(runs):
        unit = run.history.facts.unit if run.history.facts else ""
        loss.setdefault(unit, []).extend(_loss_lines(run, number))
    norm = [_line(run, number, "grad_norm") for number, run in enumerate(runs)]
    rate = [_line(run, number, "rate") for number, run in enumerate(runs)]
    return (
        "<h2>Curves</h2>"
        + "".join(
            chart(f"Loss, {unit}" if unit else "Loss", lines) for unit, lines in loss.items()
        )
        + '<div class="pair">'
        + chart("Gradient norm before clipping", norm, height=220, log=True)
        + chart("Learning rate", rate, height=220)
        + "</div>"
    )


def _loss_lines(run: Reported, number: int) -> list[Line]:
    real = [each for each in run.history.validations if math.isfinite(each.loss)]
    validation = Line(
        f"{run.name}, held out",
        np.array([each.step for each in real], np.float64),
        np.array([each.loss for each in real], np.float64),
        number,
        dashed=True,
    )
    return [_line(run, number, "loss"), validation]


def _line(run: Reported, number: int, column: str) -> Line:
    kept = thin_rows(run.history.curves.as_metrics(), SHOWN_ROWS)
    return Line(run.name, kept.steps.astype(np.float64), getattr(kept, column), number)


def _summary(runs: Sequence[Reported]) -> str:
    head = ("Run", "State", "Steps", "Parameters", "Lowest held-out loss", "Floor", "Forked from")
    return "<h2>Runs</h2>" + _html_table(head, [_summary_row(run) for run in runs])


def _summary_row(run: Reported) -> tuple[str, ...]:
    history, best = run.history, run.history.best_validation()
    facts = history.facts
    return (
        run.name,
        history.state or "",
        f"{history.step:,}",
        f"{facts.parameters:,}" if facts else "",
        f"{best.loss:.4f} at step {best.step:,}" if best else "",
        f"{facts.floor:.4f}, {facts.floor_name}" if facts and math.isfinite(facts.floor) else "",
        run.parent,
    )


def _settings(runs: Sequence[Reported]) -> str:
    """Return every setting by run; a row that differs is marked."""
    rows = []
    for name, values in _setting_rows(runs):
        mark = ' class="differs"' if len(set(values)) > 1 else ""
        cells = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(f"<tr{mark}><th>{escape(name)}</th>{cells}</tr>")
    head = "".join(f"<th>{escape(run.name)}</th>" for run in runs)
    return (
        "<h2>Settings</h2><p>Marked rows differ between the runs.</p>"
        f'<div class="wide"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'
    )


def _setting_rows(runs: Sequence[Reported]) -> Iterator[tuple[str, list[str]]]:
    yield from _group_rows("Data", [run.project.data for run in runs])
    yield from _group_rows("Training", [run.project.training for run in runs])
    tables = [_blocks(run.project) for run in runs]
    for key in dict.fromkeys(key for table in tables for key in table):
        yield f"Block {key}", [table.get(key, "–") for table in tables]


def _group_rows(title: str, groups: Sequence[Settings]) -> Iterator[tuple[str, list[str]]]:
    for param in groups[0].PARAMS:
        values = [str(group.as_dict()[param.name]) for group in groups]
        yield f"{title}: {param.title}", values


def _blocks(project: Project) -> dict[str, str]:
    return {
        f"{'/'.join((*path, block.id))}": ", ".join(
            [block.kind, *(f"{name} {value}" for name, value in sorted(block.params.items()))]
        )
        for path, block in project.graph.everything()
    }


def _run_section(run: Reported) -> str:
    parts = [f"<h2>{escape(run.name)}</h2>"]
    if run.notes.tags:
        parts.append(f"<p>{escape(', '.join(run.notes.tags))}</p>")
    if run.notes.text:
        parts.append(f"<pre>{escape(run.notes.text)}</pre>")
    parts.append(_html_table(("Environment", ""), list(run.environment.items())))
    changes = [
        (f"{each.step:,}", each.name.replace("_", " "), f"{each.value:g}")
        for each in run.history.live
    ]
    if changes:
        parts.append(_html_table(("Step", "Changed while it ran", "To"), changes))
    failures = [(each.what, each.why) for each in run.history.failures]
    if failures:
        parts.append(_html_table(("What went wrong", "Why"), failures))
    parts += [_sample(sample) for sample in _chosen(run.history.samples)]
    return "\n".join(parts)


def _chosen(samples: Sequence[Sample]) -> list[Sample]:
    """Return the first sample and the newest ones."""
    if len(samples) <= SHOWN_SAMPLES:
        return list(samples)
    return [samples[0], *samples[1 - SHOWN_SAMPLES :]]


def _sample(sample: Sample) -> str:
    head = f"Sample at step {sample.step:,}, temperature {sample.temperature:g}"
    text = f"<b>{escape(sample.prompt)}</b>{escape(sample.text)}"
    return f"<h3>{escape(head)}</h3><pre>{text}</pre>"


def _html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(each)}</{tag}>" for each in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table>{line(head, "th")}{body}</table></div>'


_WRITERS: dict[str, Callable[[Sequence[Reported], Path], dict[Path, bytes]]] = {
    "html": _html,
    "csv": _csv,
    "tensorboard": _tensorboard,
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1100px;
  margin: 2em auto; padding: 0 1em; }}
h1 {{ font-size: 1.5em; }} h2 {{ font-size: 1.2em; margin-top: 2em; }} h3 {{ font-size: 1em; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .25em .8em .25em 0; border-bottom: 1px solid #8884;
  vertical-align: top; }}
.differs td {{ font-weight: 600; }} .wide {{ overflow-x: auto; }}
.pair {{ display: flex; gap: 1em; flex-wrap: wrap; }} .pair > * {{ flex: 1 1 400px; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .8em; }}
svg {{ width: 100%; height: auto; }} svg text {{ fill: currentColor; font-size: 12px; }}
.told {{ opacity: .7; }}
</style>
</head>
<body>
<h1>{names}</h1>
<p class="told">{told}</p>
{body}
</body>
</html>
"""
