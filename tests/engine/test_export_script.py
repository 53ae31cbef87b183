"""train.py, written beside an exported model, repeats the run of the program."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from seqstudio.data.dataset import Dataset
from seqstudio.data.sources import KINDS, open_dataset
from seqstudio.document.project import Project
from seqstudio.document.settings import DataSettings
from seqstudio.engine.exchange.export import Taken, write_export
from seqstudio.engine.exchange.script_data import task_source
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start
from tests.engine.exported import small

CLOSE, STEPS = 1e-5, 20


def script_in(folder: Path) -> ModuleType:
    """Return train.py of a folder as a module."""
    sys.path.insert(0, str(folder))
    sys.modules.pop("model", None)
    try:
        spec = importlib.util.spec_from_file_location("exported_train", folder / "train.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["exported_train"] = module  # dataclasses look for their module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("model", None)


# Texts with and without a carried state, drawn tasks of every pattern, pairs, pictures.
REPEATED = ["char-lstm", "char-gpt", "char-mgu", "bert-mini", "adding-lstm", "recall-lstm",
            "brackets-lstm", "reverse-attention", "caption-lstm", "forecast-gpt",
            "shapes-vit"]  # fmt: skip


@pytest.mark.parametrize("template", REPEATED)
def test_the_script_repeats_the_losses_of_the_program(template: str, tmp_path: Path) -> None:
    repeats(*small(template), tmp_path)


@pytest.mark.parametrize(
    ("template", "settings"),
    [
        ("char-rnn", {"optimizer": "adam", "schedule": "step", "decay_every": 3}),
        ("char-gru", {"accumulate": 2}),
        ("char-gpt", {"optimizer": "adagrad", "schedule": "onecycle", "label_smoothing": 0.2}),
        ("char-rnn", {"optimizer": "sgd", "momentum": 0.5, "final_share": 0.4, "clip_value": 0.1}),
        ("char-mgu", {"optimizer": "rmsprop", "schedule": "constant", "dropout_factor": 0.5}),
    ],
)
def test_the_script_repeats_every_setting(
    template: str, settings: dict[str, object], tmp_path: Path
) -> None:
    project, dataset = small(template)
    training = project.training.with_value("warmup", 3)
    for name, value in settings.items():
        training = training.with_value(name, value)
    graph = project.graph
    for block in list(graph) if training.accumulate > 1 else ():
        for share in {"dropout", "share"} & set(block.params):
            graph = graph.with_block(graph.blocks[block.id].with_param(share, 0.0))
    repeats(replace(project, training=training, graph=graph), dataset, tmp_path)


@pytest.mark.parametrize(
    ("template", "name", "value"), [("hello-rnn", "schedule", "plateau"),
                                    ("char-lstm", "accumulate", 2)],
)  # fmt: skip
def test_a_run_that_no_script_repeats_has_none_and_says_why(
    template: str, name: str, value: object, tmp_path: Path
) -> None:
    project, dataset = small(template)
    training = project.training.with_value(name, value)
    write_export(Taken(replace(project, training=training), dataset), tmp_path)
    assert not (tmp_path / "train.py").exists()
    assert (tmp_path / "model.py").exists()
    assert "no training script for this run" in (tmp_path / "README.txt").read_text()


def repeats(project: Project, dataset: Dataset, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    start = Start("r", "", "", "", device="cpu", probes=False)
    trainer = Trainer(start, project, dataset, lambda _: None)
    ours: list[float] = []
    trainer._meter.add = lambda loss, *_: ours.append(float(loss))  # type: ignore[method-assign]
    for _ in range(STEPS):
        trainer._train()
    write_export(Taken(project, dataset), tmp_path)
    script = script_in(tmp_path)
    torch.manual_seed(script.SEED)
    theirs = list(script.train(script.Model(), STEPS))
    assert len(theirs) == len(ours) == STEPS
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= CLOSE
    assert ours[0] != ours[-1]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not DataSettings(kind=kind).cut])
def test_the_source_of_a_task_draws_the_same_examples(kind: str, tmp_path: Path) -> None:
    dataset = open_dataset(DataSettings(kind=kind, length=20))
    assert dataset.task is not None
    source = task_source(dataset.task)
    for name, array in source.arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    head = "from dataclasses import dataclass\nfrom pathlib import Path\nimport math\n"
    head += f"import numpy as np\nHERE = Path({str(tmp_path)!r})\n"
    space: dict[str, object] = {"__name__": "builtins"}
    exec(f"{head}{source.text}\ntask = {source.made}", space)
    assert "seqstudio" not in source.text
    ours = dataset.batch(np.random.default_rng(5), 4)
    theirs = space["task"].draw(np.random.default_rng(5), 4)  # type: ignore[attr-defined]
    for name in ("inputs", "targets", "lengths", "source", "source_lengths"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_budget_in_minutes_ends_by_the_clock(tmp_path: Path) -> None:
    project, dataset = small("hello-rnn")
    training = replace(project.training, budget="minutes", minutes=0.05, schedule="cosine")
    write_export(Taken(replace(project, training=training), dataset), tmp_path)
    script = script_in(tmp_path)
    assert list(script.train(script.Model(), 3)) != []
    assert script.rate(0, 1.0) < script.rate(0, 0.0)
