"""`seqstudio compare`: the same model with other memories, trained alike and measured alike."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from seqstudio.blocks.swapping import KEY, MEMORIES, Swap, fitting
from seqstudio.cli.console import ProgressLine, number, print_json, table
from seqstudio.cli.evaluating import measure, whole_held_out
from seqstudio.cli.projects import examine
from seqstudio.cli.runs import find_run, trained
from seqstudio.cli.sweeping import STOPPED, amount_of, whole_of, work_off
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import RunError, SeqError
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project, load_project, runs_folder
from seqstudio.document.sweep import Choices, Plan, Sweep, Trial
from seqstudio.runtime.sweeping import SweepQueue, begin_sweep

SENTENCES = 200
OWN_MEASURES = ("chrF", "macro F1", "accuracy", "MASE", "MAE")


def compare(arguments: Namespace) -> int:
    """Train the memories one after the other and tell what each reached; 130 when stopped."""
    path = Path(arguments.project)
    project = load_project(path)
    names, line = _names(arguments.memories), ProgressLine()
    dataset, _report = examine(project, path.parent)
    found = fitting(project.graph, facts_of(dataset, project.training), names)
    for swap in found:
        line.say(_planned(swap))
    fit = [swap for swap in found if swap.words]
    if not fit:
        raise RunError(f"None of these memories fits {path.name}", found[0].why)
    folder = begin_sweep(runs_folder(path), project, _plan(arguments, project, fit))
    line.say(f"It is kept in {folder}; seqstudio sweep {path.name} --resume goes on")
    queue = SweepQueue(folder, path.absolute().parent, device=arguments.device)
    standing = work_off(queue, line, as_json=arguments.json)
    line.clear()
    if standing.problem:
        raise RunError(f"{folder.name} ended before its time", standing.problem)
    _tell(path, standing.sweep, fit, as_json=arguments.json)
    return 0 if standing.phase == "finished" else STOPPED


def _names(given: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip().lower() for part in given.split(",") if part.strip()))
    unknown = [name for name in names if name not in MEMORIES]
    if unknown or not names:
        hint = f"Choose some of: {', '.join(MEMORIES)}"
        raise UsageError(f"There is no memory {(*unknown, given)[0]!r}", "", hint)
    return names


def _plan(arguments: Namespace, project: Project, fit: list[Swap]) -> Plan:
    return Plan(
        axes=(Choices(KEY, tuple(swap.words for swap in fit)),),
        budget="steps" if arguments.minutes is None else "minutes",
        amount=amount_of(project, arguments),
        seeds=whole_of(arguments.seeds, "seeds", 1),
        seed=project.training.seed,
    )


def _planned(swap: Swap) -> str:
    if swap.why:
        return f"{MEMORIES[swap.name]} does not fit: {swap.why.rstrip('.')}"
    return f"{swap.words}: {swap.total:,} parameters"


def _tell(path: Path, sweep: Sweep, fit: list[Swap], *, as_json: bool) -> None:
    totals = {swap.words: swap.total for swap in fit}
    records = [_record(path, trial, totals) for trial in sweep.ranked()]
    if as_json:
        for record in records:
            print_json({"event": "memory", **record})
        return
    own = next((record["measure"] for record in records if record["measure"]), "")
    rows: list[tuple[str, ...]] = [
        ("memory", "parameters", "run", "seed", "state", "validation", own or "measure")
    ]
    rows += [
        (record["memory"], f"{record['parameters']:,}", record["run"] or "–",
         f"{record['seed']}", record["state"], number(record["validation"], 4), record["shown"])
        for record in records
    ]  # fmt: skip
    for row in table(rows):
        print(row)


def _record(path: Path, trial: Trial, totals: dict[str, int]) -> dict[str, Any]:
    words = str(trial.values[KEY])
    found: dict[str, Any] = {
        "memory": words, "parameters": totals[words], "run": trial.run, "seed": trial.seed,
        "state": trial.state, "validation": trial.loss, "measure": "", "value": None,
        "shown": trial.why or "–",
    }  # fmt: skip
    return found | _own_measure(path, trial) if trial.state == "done" else found


def _own_measure(path: Path, trial: Trial) -> dict[str, Any]:
    """Return the measure of the task on the best weights of a trial."""
    try:
        model = trained(find_run(path, trial.run), path.parent)
        figures = measure(model, whole_held_out(model), SENTENCES)["measures"]
    except SeqError as error:
        return {"shown": error.sentence()}
    known = {figure["name"]: figure for figure in figures}
    name = next((name for name in OWN_MEASURES if name in known), "")
    if not name:
        return {}
    value, share = known[name]["value"], known[name]["form"] == "share"
    shown = f"{100 * value:.1f} %" if share else number(value)
    return {"measure": name, "value": value, "shown": shown}
