"""Which run of a project a command means, and its trained model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqstudio.blocks.check import main_arch
from seqstudio.cli.console import ProgressLine
from seqstudio.cli.usage import UsageError, no_such
from seqstudio.core.errors import DataError, RunError
from seqstudio.document.project import Project, runs_folder

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.engine.model import GraphModel
    from seqstudio.records.messages import Write
    from seqstudio.runtime.archive import RunInfo

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ARCH_NAMES = {"transformer": "gpt", "custom1": "model"}


def new_name(project: Project, path: Path, wanted: str | None) -> str:
    """Return the name of a new run: the one asked for, or the next free one.

    Raises:
        UsageError: The name cannot be that of a folder.
        RunError: There is a run of that name.
    """
    from seqstudio.runtime.archive import new_run_name

    home = runs_folder(path)
    if wanted is None:
        arch = main_arch(project.graph)
        return new_run_name(home, _ARCH_NAMES.get(arch, arch))
    if not _NAME.fullmatch(wanted):
        hint = "Use letters, digits, dots, dashes and underscores"
        raise UsageError(f"A run cannot be called {wanted!r}", "it becomes a folder", hint)
    if (home / wanted / "run.db").exists():
        hint = "Add --resume to continue it, or choose another name"
        raise RunError(f"There is already a run {wanted}", "", hint)
    return wanted


def find_run(path: Path, wanted: str | None) -> RunInfo:
    """Return the run that is named, or the newest of the project at `path`.

    Raises:
        DataError: There is no project.
        RunError: There is no run, or it cannot be read.
        UsageError: There is no run of that name.
    """
    from seqstudio.runtime.archive import list_runs

    if not path.is_file():
        raise DataError(f"There is no file {path}", "", "Check the name and the folder")
    runs = list_runs(runs_folder(path))
    if not runs:
        hint = f"Train it first: seqstudio train {path.name}"
        raise RunError(f"{path.name} has no run yet", "", hint)
    if wanted is None:
        return runs[0]
    found = next((run for run in runs if run.name == wanted), None)
    if found is None:
        raise no_such("run", wanted, [run.name for run in runs])
    return found


@dataclass(frozen=True)
class Trained:
    """A run's best model with what it was trained on.

    Attributes:
        run: Name of the run.
        model: Ready to measure, on the processor.
        dataset: The data of the run.
        project: The project as it was trained.
        step: Optimizer steps behind the weights.
    """

    run: str
    model: GraphModel
    dataset: Dataset
    project: Project
    step: int

    @property
    def carry(self) -> bool:
        """Whether the state goes from window to window, as it did in training."""
        recurrent = self.model.recurrent and self.model.pattern == "next token"
        return self.project.training.carry and recurrent

    def write(self, request: Write) -> str:
        """Return the text that a request asks for, without the prompt.

        Raises:
            RunError: The model does not predict tokens.
            DataError: The prompt has characters that it never saw.
        """
        from seqstudio.engine.decoding import written_sample
        from seqstudio.engine.writings import writings

        if self.dataset.vocabulary is None and self.model.pattern != "notes":
            hint = "Use a model that predicts tokens"
            raise RunError(f"{self.run} cannot write", "it reads no tokens", hint)
        if self.dataset.writes is not None:
            return written_sample(self.model, self.dataset, request, self.step).text
        line, text = ProgressLine(), ""
        line.begin()
        kind = self.project.data.kind
        writing = writings(self.model, self.dataset, request, self.step, kind=kind)
        for count, so_far in enumerate(writing, 1):
            if so_far.done:
                text = so_far.sample().text
            elif line.due():
                line.show(f"{count:,} of {request.length:,} tokens")
        line.clear()
        return text


def trained(run: RunInfo, base: Path) -> Trained:
    """Load the best model of a run.

    Raises:
        SeqError: The run, its project or its data cannot be read.
    """
    from seqstudio.engine.trained import load_trained

    return Trained(run.name, *load_trained(run.folder, base))
