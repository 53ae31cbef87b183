"""When numbers stop being finite, the loss explodes or memory runs out: where, and what helps."""

from __future__ import annotations

import ctypes
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seqstudio.blocks.check import check, title_of
from seqstudio.blocks.cost import largest
from seqstudio.blocks.declaration import DataFacts
from seqstudio.core.errors import RunError
from seqstudio.document.graph import Graph
from seqstudio.document.project import Project
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.batches import Window
from seqstudio.engine.circuit import Circuit
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.live_edit import newest_before, own_random_numbers
from seqstudio.engine.losses import mean_loss
from seqstudio.engine.model import GraphModel, State
from seqstudio.records.faults import Remedy
from seqstudio.records.messages import Event, Failed
from seqstudio.records.readings import Metrics

if TYPE_CHECKING:
    from seqstudio.engine.trainer import Trainer

EXPLODED = 3.0  # times the loss at the start, or that of a uniform guess
EXPLODED_STEPS = 10
START_STEPS = 5
GOOD_CLIP = 1.0
WIDTHS = ("hidden", "width", "dim")


class NumbersError(RunError):
    """Training stopped because of numbers that are not finite.

    Attributes:
        remedies: What helps.
    """

    def __init__(self, what: str, why: str, hint: str, remedies: tuple[Remedy, ...]) -> None:
        super().__init__(what, why, hint)
        self.remedies = remedies


# ----------------------------------------------------------------------------- where it began


@dataclass(frozen=True)
class Place:
    """Where numbers stopped being finite.

    Attributes:
        words: Where, in words: "what LSTM gives", "the gradient of LSTM", "the data".
        data: The data themselves are to blame.
    """

    words: str
    data: bool = False


def find(model: GraphModel, batch: Window, state: State | None, half: bool) -> Place:
    """Find where a step lost its numbers, by doing it once more; the weights stay.

    Args:
        model: What trains; its gradients are lost.
        batch: What the step read.
        state: The carried state before the step.
        half: The step ran in bfloat16.
    """
    given = as_inputs(batch.inputs)
    streams = [given.main, *([] if given.source is None else [given.source])]
    if not all(_finite(stream) for stream in streams):
        return Place("the data", data=True)
    spoilt = _first(model, lambda parameter: parameter)
    if spoilt:
        return Place(f"the weights of {spoilt}")
    device = given.main.device
    with own_random_numbers(0, device), torch.autocast(device.type, torch.bfloat16, half):
        return _again(model, batch, state)


def _again(model: GraphModel, batch: Window, state: State | None) -> Place:
    model.zero_grad(set_to_none=True)
    with _watched(model) as bad:
        outputs, _ = model(batch.inputs, None if batch.restart else state)
    if bad:
        return Place(f"what {bad[0]} gives")
    loss = mean_loss(model.losses(outputs, batch.targets), batch.targets)
    if not _finite(loss):
        return Place("the loss")
    loss.backward()  # type: ignore[no-untyped-call]
    named = _first(model, lambda parameter: parameter.grad, backward=True) or _steepest(model)
    model.zero_grad(set_to_none=True)
    return Place(f"the gradient of {named}")


def _steepest(model: GraphModel) -> str:
    """Return the block with the largest gradient: its length is too large for a number."""
    largest, found = -1.0, "the model"
    for module, words in _places(model, model.graph, ""):
        for parameter in module.parameters():
            size = 0.0 if parameter.grad is None else float(parameter.grad.abs().max())
            if size > largest:
                largest, found = size, words
    return found


@contextmanager
def _watched(model: GraphModel) -> Iterator[list[str]]:
    """Give a list that gets the titles of blocks whose output is not finite, first one first."""
    bad: list[str] = []
    with ExitStack() as stack:
        for module, words in _places(model, model.graph, ""):
            handle = module.register_forward_hook(partial(_note, bad, words))
            stack.callback(handle.remove)
        yield bad


def _note(bad: list[str], words: str, _module: nn.Module, _given: Any, out: Any) -> None:
    if not _finite(out):
        bad.append(words)


def _places(circuit: Circuit, graph: Graph | None, path: str) -> Iterator[tuple[nn.Module, str]]:
    """Yield every block, also inside others, with its title: "LSTM › forget gate f"."""
    for node in circuit.nodes:
        block = graph.blocks.get(node.block) if graph is not None else None
        words = path + (title_of(block) if block is not None else node.block)
        module = circuit.blocks[node.name]
        if isinstance(module, Circuit):
            yield from _places(module, block.inside if block else None, f"{words} › ")
        yield module, words


def _first(
    model: GraphModel, value: Callable[[nn.Parameter], Tensor | None], backward: bool = False
) -> str:
    """Return the first block with a bad value at a parameter; backward, from the head on."""
    places = list(_places(model, model.graph, ""))
    for module, words in reversed(places) if backward else places:
        for parameter in module.parameters():
            found = value(parameter)
            if found is not None and not _finite(found):
                return words
    return ""


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(torch.isfinite(value).all())
    if isinstance(value, dict):
        return all(_finite(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return all(_finite(each) for each in value)
    return True


def finite_weights(model: nn.Module) -> bool:
    """Tell whether all weights are numbers: others must never be kept."""
    return all(_finite(parameter) for parameter in model.parameters())


# --------------------------------------------------------------------------------- what helps


def numbers_error(trainer: Trainer, batch: Window, loss: float) -> NumbersError:
    """Say that a step lost its numbers; the step has to be dropped already."""
    learner = trainer.learner
    half = learner.setup.precision == "bfloat16"
    place = find(learner.model, batch, learner.state, half)
    what = f"Training stopped before step {trainer.step + 1:,}: numbers are not finite any more"
    why = f"loss {loss:g}; it began in {place.words}"
    if place.data:
        hint = "Mend the data: they hold values that are not numbers"
        return NumbersError(what, why, hint, ())
    hint = "Lower the learning rate or the clip norm and go back; the last good weights are kept"
    return NumbersError(what, why, hint, calming(trainer, broken=True))


def calming(trainer: Trainer, broken: bool = False) -> tuple[Remedy, ...]:
    """Return what helps against steps that are too large.

    Args:
        trainer: The run.
        broken: The weights as they are give numbers that are not finite: a change of settings
            helps only together with older weights, or with new ones.
    """
    settings = trainer.learner.settings
    half = max(settings.learning_rate / 2, TrainingSettings.param("learning_rate").low)
    changes = [("half the rate", "learning_rate", half)]
    if not 0 < settings.clip <= GOOD_CLIP:
        changes.insert(0, ("clip at 1", "clip", GOOD_CLIP))
    back = newest_before(trainer.folder, trainer.step)
    older = [_change(f"Back to step {back:,}, ", *each, back_to=back) for each in changes]
    if not broken:
        now = [_change("", *each) for each in changes]
        return (*now, *(older[:1] if back >= 0 else ()))
    if back >= 0:
        return (*older, Remedy("Go on without this batch"))
    return (*(_change("Begin again, ", *each, anew=True) for each in changes),
            Remedy("Go on without this batch"))  # fmt: skip


def _change(begin: str, words: str, setting: str, value: float, **where: Any) -> Remedy:
    said = begin + words
    return Remedy(said[0].upper() + said[1:], setting, value, **where)


def shrinking(project: Project, facts: DataFacts | None) -> tuple[Remedy, ...]:
    """Return what helps when a model takes too much memory.

    Args:
        project: What was to train.
        facts: Facts of its data, None when they are not known.
    """
    found = []
    for name in ("batch", "window"):
        now, low = int(getattr(project.training, name)), TrainingSettings.param(name).low
        half = max(now // 2, int(low))
        title = TrainingSettings.param(name).title
        if half < now:
            found.append(Remedy(f"{title} {half:,} in place of {now:,}", name, half))
    return (*found, *(_narrower(project, facts) if facts is not None else ()))


def _narrower(project: Project, facts: DataFacts) -> Iterator[Remedy]:
    most = largest(project.graph, check(project.graph, facts), project.training)
    if not most:
        return
    block = project.graph.blocks[most]
    for name in WIDTHS:
        now = block.params.get(name)
        if isinstance(now, int) and now >= 2:
            words = f"{title_of(block)} half as wide"
            yield Remedy(words, name, now // 2, block=most)
            return


class Watch:
    """Warns once when the loss stays far above its start; passes everything on."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        chance: float,
        remedies: Callable[[], tuple[Remedy, ...]],
    ) -> None:
        self._emit = emit
        self._chance = chance if math.isfinite(chance) else 0.0
        self._remedies = remedies
        self._first: list[float] = []
        self._above = 0
        self._warned = False

    def __call__(self, event: Event) -> None:
        self._emit(event)
        if isinstance(event, Metrics):
            for step, loss in zip(event.steps.tolist(), event.loss.tolist(), strict=True):
                self._look(int(step), float(loss))

    def _look(self, step: int, loss: float) -> None:
        if len(self._first) < START_STEPS:
            self._first.append(loss)
            return
        start = max(sum(self._first) / START_STEPS, self._chance)
        self._above = self._above + 1 if loss > EXPLODED * start else 0
        self._warned = self._warned and loss > start
        if self._above >= EXPLODED_STEPS and not self._warned:
            self._warned = True
            self._warn(step, loss, start)

    def _warn(self, step: int, loss: float, start: float) -> None:
        self._emit(
            Failed(
                "The loss is exploding",
                f"it was {start:.3g} at the start and is {loss:.3g} at step {step:,}",
                "Training goes on. A smaller rate or clipping calms it",
                fatal=False,
                remedies=self._remedies(),
            )
        )


def free_memory() -> None:
    """Give back what a failed step held."""
    if gc.isenabled():  # not beside a window, which must not lose objects in this thread
        gc.collect()
    with suppress(OSError, AttributeError):  # glibc keeps what was freed; others have no such call
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
