"""An edited graph takes the place of the one that trains: what is kept, and exactly so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from seqstudio.blocks.check import check
from seqstudio.blocks.editing import set_param
from seqstudio.blocks.opening import opened
from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError, SeqError, StorageError
from seqstudio.document.edits import MoveBlocks
from seqstudio.document.project import Project, load_project, project_text
from seqstudio.engine import checkpoint as store
from seqstudio.engine.trainer import Trainer
from seqstudio.records.faults import GraphApplied
from seqstudio.records.messages import Event, Start
from seqstudio.records.readings import Metrics

FIXED = {"budget": "steps", "precision": "float32", "threads": 1, "batch": 4, "window": 16,
         "warmup": 0, "steps": 60}  # fmt: skip


def small(tmp_path: Path, **params: object) -> Project:
    text = tmp_path / "text.txt"
    text.write_text("".join(chr(97 + (i * i + i // 7) % 26) for i in range(6000)))
    project = make("char-lstm", str(text))
    training = type(project.training).parse({**project.training.as_dict(), **FIXED})
    graph = project.graph
    for block, name in (("lstm", "hidden"), ("embedding", "width")):
        graph = graph.with_block(graph.blocks[block].with_param(name, 24))
    for name, value in params.items():
        graph = graph.with_block(graph.blocks["lstm"].with_param(name, value))  # type: ignore[arg-type]
    return replace(project, training=training, graph=graph)


@dataclass
class Run:
    """A trainer in the test's hands, with all that it said."""

    trainer: Trainer
    folder: Path
    said: list[Event] = field(default_factory=list)

    def until(self, step: int) -> None:
        while self.trainer.step < step:
            self.trainer.advance()
        self.trainer.flush()

    def edit(self, project: Project) -> GraphApplied:
        self.trainer.edit(project_text(project), self.keep)
        return next(each for each in reversed(self.said) if isinstance(each, GraphApplied))

    def keep(self, text: str) -> None:
        (self.folder / "project.seq").write_text(text)

    def losses(self) -> dict[int, float]:
        told = [each for each in self.said if isinstance(each, Metrics)]
        return {int(s): float(x) for m in told for s, x in zip(m.steps, m.loss, strict=True)}

    def weights(self) -> dict[str, torch.Tensor]:
        return {n: p.detach().clone() for n, p in self.trainer.model.named_parameters()}

    def moments(self) -> dict[str, dict[str, torch.Tensor]]:
        state = self.trainer.learner.optimizer.state
        return {
            name: {key: value.clone() for key, value in state[parameter].items()}
            for name, parameter in self.trainer.model.named_parameters()
        }


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Run]:
    def opening(project: Project, name: str = "run", **settings: object) -> Run:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        said: list[Event] = []
        start = Start("r", project_text(project), "", str(folder), "cpu", probes=False, **settings)  # type: ignore[arg-type]
        return Run(Trainer.open(start, said.append), folder, said)

    return opening


def wider(project: Project, hidden: int = 32) -> Project:
    return set_param(project.graph, "lstm", "hidden", hidden).apply(project)


def open_lstm(project: Project, run: Run) -> Project:
    context = check(project.graph, run.trainer.model.facts).contexts["lstm"]
    block = opened(project.graph.blocks["lstm"], context)
    assert block is not None
    return project.with_graph(project.graph.with_block(block))


def test_what_kept_its_shape_keeps_weights_and_moments_bit_for_bit(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    run.until(5)
    weights, moments = run.weights(), run.moments()
    told = run.edit(wider(project))
    assert (told.step, run.trainer.step) == (5, 5)
    assert told.kept == ("Embedding",)
    assert told.fresh == ("LSTM", "Next-token head (in part)")
    assert (told.transferred, told.gone) == ((), ())
    assert told.parameters == sum(p.numel() for p in run.trainer.model.parameters())
    after = run.moments()
    for name in ("blocks.embedding.weight", "blocks.next_token.linear.bias"):
        assert torch.equal(weights[name], run.weights()[name])
        assert moments[name].keys() == after[name].keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(moments[name][key], after[name][key]) for key in after[name])
    assert after["blocks.lstm.cells.0.weight_hh_l0"] == {}
    run.until(8)
    assert sorted(run.losses()) == list(range(1, 9))
    assert float(run.moments()["blocks.embedding.weight"]["step"]) == 8
    assert float(run.moments()["blocks.lstm.cells.0.weight_hh_l0"]["step"]) == 3


def test_a_block_that_goes_and_one_that_comes_are_named(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    run.until(2)
    graph = project.graph
    blocks = {**graph.blocks, "gru": replace(make("char-gru").graph.blocks["gru"], id="gru")}
    del blocks["lstm"]
    wires = tuple(
        replace(w, source="gru" if w.source == "lstm" else w.source,
                target="gru" if w.target == "lstm" else w.target)
        for w in graph.wires
    )  # fmt: skip
    told = run.edit(project.with_graph(replace(graph, blocks=blocks, wires=wires)))
    assert told.gone == ("LSTM",)
    assert "GRU" in told.fresh
    assert "Starts fresh: GRU" in told.words()


def test_an_opened_block_goes_on_with_the_same_loss(tmp_path, begin):
    # Without dropout: its mask depends on how a tensor lies in memory, which opening changes.
    project = set_param(small(tmp_path).graph, "dropout", "share", 0.0).apply(small(tmp_path))
    straight = begin(project, "straight")
    straight.until(12)
    run = begin(project, "edited")
    run.until(10)
    before = run.moments()
    told = run.edit(open_lstm(project, run))
    assert told.transferred == ("LSTM",)
    assert (told.kept, told.fresh) == (("Embedding", "Next-token head"), ())
    gate = run.moments()["blocks.lstm.blocks.input.input.bias"]
    for key in ("exp_avg", "exp_avg_sq"):
        both = [before[f"blocks.lstm.cells.0.bias_{side}_l0"][key][:24] for side in ("ih", "hh")]
        assert torch.allclose(gate[key], (both[0] + both[1]) / 2, atol=1e-12)
        assert bool(gate[key].any())
    assert float(gate["step"]) == 10
    run.until(11)
    assert run.losses()[11] == pytest.approx(straight.losses()[11], abs=1e-5)  # state included


def test_a_two_layer_block_opens_with_its_state(tmp_path, begin):
    project = small(tmp_path, layers=2)
    straight = begin(project, "straight")
    straight.until(7)
    run = begin(project, "edited")
    run.until(6)
    assert run.edit(open_lstm(project, run)).transferred == ("LSTM",)
    run.until(7)
    assert run.losses()[7] == pytest.approx(straight.losses()[7], abs=1e-5)


def test_an_edit_that_touches_no_shape_changes_no_bit(tmp_path, begin):
    project = small(tmp_path, dropout=0.2, layers=2)
    straight = begin(project, "straight")
    straight.until(9)
    run = begin(project, "edited")
    run.until(4)
    told = run.edit(MoveBlocks({"lstm": (900.0, 70.0)}).apply(project))
    assert told.fresh == told.transferred == told.gone == ()
    run.until(9)
    assert run.losses() == straight.losses()


def test_a_run_resumes_exactly_after_an_edit(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    run.until(6)
    run.edit(wider(project))
    run.until(14)
    kept = load_project(run.folder / "project.seq")
    assert kept.graph.blocks["lstm"].params["hidden"] == 32
    again = begin(kept, resume=True)
    assert again.trainer.step == 6
    again.until(14)
    assert again.losses() == {k: v for k, v in run.losses().items() if k > 6}
    assert all(torch.equal(value, again.weights()[name]) for name, value in run.weights().items())


def test_an_undone_edit_is_applied_in_the_same_way(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    run.until(3)
    run.edit(wider(project))
    run.until(5)
    embedding = run.weights()["blocks.embedding.weight"]
    told = run.edit(project)
    assert (told.step, told.kept) == (5, ("Embedding",))
    assert torch.equal(embedding, run.weights()["blocks.embedding.weight"])
    assert run.weights()["blocks.lstm.cells.0.weight_hh_l0"].shape == (96, 24)
    run.until(8)


def unwired(project: Project) -> Project:
    graph = project.graph
    wires = tuple(wire for wire in graph.wires if wire.target != "lstm")
    return project.with_graph(replace(graph, wires=wires))


def other_data(project: Project) -> Project:
    return replace(project, data=project.data.with_value("held_out", 0.3))


def other_seed(project: Project) -> Project:
    return replace(project, training=project.training.with_value("seed", 7))


@pytest.mark.parametrize(
    ("change", "words"), [(unwired, "LSTM"), (other_data, "data"), (other_seed, "Seed")]
)
def test_what_cannot_be_applied_is_refused_and_training_is_untouched(
    change: Callable[[Project], Project], words: str, tmp_path: Path, begin: Callable[..., Run]
) -> None:
    project = small(tmp_path, dropout=0.2, layers=2)
    straight = begin(project, "straight")
    straight.until(9)
    run = begin(project, "edited")
    run.until(4)
    with pytest.raises(SeqError) as caught:
        run.edit(change(project))
    assert words in caught.value.sentence()
    assert caught.value.hint
    run.until(9)
    assert run.losses() == straight.losses()


def test_an_edit_that_cannot_be_kept_is_not_applied(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    run.until(4)
    run.trainer.checkpoint()
    weights = run.weights()

    def full(_text: str) -> None:
        raise StorageError("The disk is full")

    with pytest.raises(StorageError):
        run.trainer.edit(project_text(wider(project)), full)
    assert all(torch.equal(value, run.weights()[name]) for name, value in weights.items())
    assert begin(project, resume=True).trainer.step == 4
    run.until(6)


def test_a_crash_between_project_and_pointer_loses_nothing(tmp_path, begin, monkeypatch):
    project = small(tmp_path)
    run = begin(project)
    run.until(4)
    run.trainer.checkpoint()
    run.until(6)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(store, "mark_latest", crash)
        with pytest.raises(KeyboardInterrupt):
            run.edit(wider(project))
    kept = load_project(run.folder / "project.seq")
    assert begin(kept, resume=True).trainer.step == 6
    assert begin(project, resume=True).trainer.step == 4


def test_the_best_weights_of_another_graph_do_not_stay(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    run.until(4)
    run.trainer.best, run.trainer.best_step = 1.5, 4
    run.trainer.save_best()
    run.edit(wider(project))
    assert not list((run.folder / "checkpoints").glob("best*"))
    assert (run.trainer.best, run.trainer.best_step) == (float("inf"), -1)
    assert store.load_best(run.folder).step == 4


def test_going_back_takes_the_newest_checkpoint_before_a_step(tmp_path, begin):
    project = small(tmp_path)
    run = begin(project)
    for step in (3, 6, 9):
        run.until(step)
        run.trainer.checkpoint()
    back = begin(project, resume=True, back_to=7)
    assert back.trainer.step == 6
    assert store.load_latest(run.folder).step == 6
    back.until(9)
    assert back.losses() == {k: v for k, v in run.losses().items() if k > 6}
    with pytest.raises(RunError, match="no checkpoint"):
        begin(project, resume=True, back_to=2)
