"""`seqstudio fork` and `seqstudio report`: what is done with runs that exist."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from seqstudio.cli.arguments import parser_of
from seqstudio.cli.overrides import with_settings
from seqstudio.cli.projects import examine
from seqstudio.cli.runs import find_run, new_name
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import RunError
from seqstudio.document.project import load_project, runs_folder


def fork(arguments: Namespace) -> int:
    """Make a run that leaves another one at a step, with changes or without, and train it.

    Returns:
        0 when its budget is spent, 130 when it was stopped, 2 or 1 when it failed.
    """
    from seqstudio.cli.training import train
    from seqstudio.runtime.forking import fork_run, project_at

    path = Path(arguments.project)
    found = find_run(path, arguments.run)
    if found.problem:
        raise RunError(f"{found.name} cannot be forked", found.problem, "Choose another run")
    step = found.step if arguments.step is None else _whole(arguments.step)
    project = with_settings(project_at(found.folder, step), arguments.set)
    name = new_name(project, path, arguments.name)
    _, checked = examine(project, path.parent)
    checked.raise_errors()
    point = fork_run(found.folder, step, runs_folder(path) / name, project)
    start = f"step {point.begin:,}" if point.begin else "the start"
    repeated = f", repeating the steps from {start} on" if point.begin < step else ""
    print(f"{name} leaves {found.name} at step {step:,}{repeated}", file=sys.stderr)
    words = [str(path), "--run", name, "--resume", "--device", arguments.device]
    return train(parser_of("train").parse_args([*words, *["--json"] * arguments.json]))


def report(arguments: Namespace) -> int:
    """Write runs as a page, tables or event files; print what was written."""
    from seqstudio.runtime.reporting import write_report

    path, out = Path(arguments.project), Path(arguments.out)
    load_project(path)
    runs = [find_run(path, name) for name in dict.fromkeys(arguments.run or [None])]
    if arguments.format != "html" and out.is_file():
        hint = "Choose a folder; it is made if needed"
        raise UsageError(f"{out} is a file", f"{arguments.format} writes several", hint)
    if arguments.format == "html" and out.is_dir():
        raise UsageError(f"{out} is a folder", "", f"Write it as {out / 'runs.html'}")
    for written in write_report([run.folder for run in runs], arguments.format, out):
        print(written)
    return 0


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise UsageError(f"--step {text} is no step", "", "Give a whole number, 0 or more")
    return int(text)
