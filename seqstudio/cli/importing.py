"""`seqstudio import`: a model from a Python file as a project."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from seqstudio.cli.projects import new_file
from seqstudio.document.project import save_project


def import_file(arguments: Namespace) -> int:
    """Write a project with the graph of a model; say what could not be taken over."""
    path, wanted = named(arguments.model)
    target = new_file(Path(arguments.out), force=arguments.force)
    from seqstudio.engine.exchange.importing import import_model

    imported = import_model(path, wanted, arguments.run_python)
    save_project(imported.project, target)
    blocks = sum(1 for _ in imported.project.graph.everything())
    print(f"{target.name}: {blocks} blocks from {path.name}")
    for note in imported.notes:
        print(f"note: {note}")
    return 0


def named(given: str) -> tuple[Path, str]:
    """Return the file and the class of FILE.py:CLASS; without a class "" stands for it."""
    file, colon, wanted = given.rpartition(":")
    if colon and wanted.isidentifier() and file:
        return Path(file), wanted
    return Path(given), ""
