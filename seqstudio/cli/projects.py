"""Commands that need no network: templates, new, check."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqstudio.blocks.check import Problem, Report, check, title_of
from seqstudio.blocks.cost import Cost, bytes_in_words, costs, in_words, total
from seqstudio.blocks.ports import outputs
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.cli.console import print_json, table, told
from seqstudio.cli.overrides import with_settings
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import StorageError
from seqstudio.document.graph import Block
from seqstudio.document.project import SUFFIX, Project, load_project, save_project

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset


def templates(arguments: Namespace) -> int:
    """List the templates."""
    if arguments.json:
        for each in TEMPLATES.values():
            print_json({"id": each.id, "title": each.title, "task": each.task,
                        "sentence": each.sentence, "minutes": each.minutes})  # fmt: skip
        return 0
    for line in table([(each.id, each.task, each.sentence) for each in TEMPLATES.values()]):
        print(line)
    return 0


def new(arguments: Namespace) -> int:
    """Write a project made from a template, after a look at its data and its graph."""
    target = new_file(Path(arguments.out), force=arguments.force)
    if _names_data(arguments):
        project = _fitting(Path(arguments.template), target.parent)
    else:
        project = make(arguments.template, "")
        if arguments.data is not None:
            stored = stored_path(Path(arguments.data), target.parent)
            project = make(arguments.template, stored)
    template = project.template
    project = replace(with_settings(project, arguments.set), template=template)
    dataset, report = examine(project, target.parent)
    report.raise_errors()
    save_project(project, target)
    title = TEMPLATES[template].title
    print(f"{target.name}: {title} on {dataset.title}, {report.total:,} parameters")
    for note in dataset.notes:
        print(f"note: {note}")
    return 0


def _names_data(arguments: Namespace) -> bool:
    """Tell whether the person gave a file or folder in the place of a template."""
    given = arguments.template
    return given not in TEMPLATES and arguments.data is None and Path(given).exists()


def _fitting(path: Path, home: Path) -> Project:
    """Return a project that learns from a file, and say which template it is and why.

    Raises:
        DataError: Nothing here learns from it.
    """
    from seqstudio.data.reading.finding import find, project_for

    found = find(path)
    if not found.told:
        raise found.error()
    chosen, *others = found.templates
    print(f"{path.name}: {found.title[:1].lower()}{found.title[1:]}")
    for reason in found.reasons:
        print(f"  {reason}")
    print(f"template: {chosen}, {TEMPLATES[chosen].sentence}")
    if others:
        print(f"others that fit: {', '.join(others)} (seqstudio new TEMPLATE OUT.seq --data FILE)")
    return project_for(found, chosen, stored_path(path, home))


def new_file(given: Path, *, force: bool) -> Path:
    """Return the project file to write, once it is clear that it can be.

    Raises:
        UsageError: It has another ending.
        StorageError: Its folder is missing, or it is there already and `force` is not given.
    """
    target = given if given.suffix else given.with_suffix(SUFFIX)
    if target.suffix != SUFFIX:
        raise UsageError(f"{target.name} is no name for a project", "", f"End it with {SUFFIX}")
    if not target.parent.is_dir():
        what = f"There is no folder {target.parent}"
        raise StorageError(what, "", "Make it first, or choose another place")
    if target.exists() and not force:
        raise StorageError(
            f"{target.name} is there already", "", "Choose another name, or add --force"
        )
    return target


def stored_path(given: Path, home: Path) -> str:
    """Return a data path as the project keeps it: relative inside its folder, else absolute."""
    path, folder = given.resolve(), home.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def examine(project: Project, base: Path) -> tuple[Dataset, Report]:
    """Open the data and check the graph.

    Raises:
        DataError: The data cannot be used.
    """
    from seqstudio.data.facts import facts_of
    from seqstudio.data.sources import open_dataset

    dataset = open_dataset(project.data, base)
    return dataset, check(project.graph, facts_of(dataset, project.training))


def check_project(arguments: Namespace) -> int:
    """Tell shapes, parameters and problems of every block; 2 when it cannot train."""
    path = Path(arguments.project)
    project = load_project(path)
    dataset, report = examine(project, path.parent)
    show = _print_json_report if arguments.json else _print_report
    show(project, report, dataset.title)
    if arguments.values:
        from seqstudio.cli.values import print_values

        print_values(project, path.parent, as_json=arguments.json)
    return 0 if report.playable else 2


def _order(project: Project, report: Report) -> list[Block]:
    """Return the blocks in running order, then those that do not run."""
    rest = [key for key in project.graph.blocks if key not in report.order]
    return [project.graph.blocks[key] for key in (*report.order, *rest)]


def _shape(block: Block, report: Report) -> str:
    ends = [port.name for port in outputs(block) if port.kind != "state"]
    shapes = [report.shapes.get((block.id, name)) for name in ends]
    return ", ".join("?" if shape is None else str(shape) for shape in shapes)


def _print_report(project: Project, report: Report, title: str) -> None:
    rows: list[tuple[str, ...]] = [
        ("block", "title", "shape", "parameters", "memory", "multiply-adds")
    ]
    found = costs(project.graph, report)
    for block in _order(project, report):
        cost = found.get(block.id)
        shown = ("?",) * 3 if cost is None else _cost_words(cost, project)
        rows.append((block.id, title_of(block), _shape(block, report) or "–", *shown))
    for line in table(rows):
        print(line)
    parameters, memory, macs = _cost_words(total(project.graph, report), project)
    print(f"{parameters} parameters, data: {title}")
    print(f"{memory} of memory in training, {macs} multiply-adds a row")
    for problem in report.problems:
        print(_problem_line(problem))
    print("It can train" if report.playable else "It cannot train")


def _cost_words(cost: Cost, project: Project) -> tuple[str, str, str]:
    """Return parameters, memory in training and multiply-adds of a row in words."""
    memory = bytes_in_words(cost.memory(project.training).total)
    return f"{cost.parameters:,}", memory, in_words(cost.macs)


def _cost_record(cost: Cost | None, project: Project) -> Mapping[str, Any]:
    """Return what a block or a model costs: bytes, and multiply-adds of one row forward."""
    if cost is None:
        return {"multiply_adds": None, "memory": None}
    memory = cost.memory(project.training)
    parts = {**asdict(memory), "total": memory.total}
    return {"multiply_adds": cost.macs, "memory": parts}


def _problem_line(problem: Problem) -> str:
    mark = "problem" if problem.error else "note"
    where = f" {problem.block}:" if problem.block else ""
    return f"{mark}:{where} {told(problem.what, problem.why, problem.hint)}"


def _print_json_report(project: Project, report: Report, title: str) -> None:
    found = costs(project.graph, report)
    for block in _order(project, report):
        print_json(
            {
                "kind": "block",
                "id": block.id,
                "title": title_of(block),
                "block": block.kind,
                "shape": _shape(block, report),
                "parameters": report.counts.get(block.id),
                **_cost_record(found.get(block.id), project),
            }
        )
    for problem in report.problems:
        print_json(_problem_record(problem))
    whole = total(project.graph, report)
    rest = {"trains": report.playable, "data": title, **_cost_record(whole, project)}
    print_json({"kind": "total", "parameters": whole.parameters, **rest})


def _problem_record(problem: Problem) -> Mapping[str, Any]:
    return {
        "kind": "problem" if problem.error else "note",
        "block": problem.block,
        "port": problem.port,
        "what": problem.what,
        "why": problem.why,
        "hint": problem.hint,
    }
