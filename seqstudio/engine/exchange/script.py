"""The training script that goes with an exported model: it repeats the run, readably."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.plan import make_plan
from seqstudio.core.errors import RunError
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.engine.dropping import MOST, shares
from seqstudio.engine.exchange.script_data import task_source
from seqstudio.engine.losses import LOG_SPREADS
from seqstudio.engine.model import GraphModel
from seqstudio.engine.optimizing import END_SHARE, RISE_SHARE, RMS_MEMORY, START_SHARE


@dataclass(frozen=True)
class Script:
    """train.py and the data that it reads.

    Attributes:
        text: The source.
        arrays: What lies beside it as NAME.npy.
    """

    text: str
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def training_script(project: Project, dataset: Dataset) -> Script:
    """Return the script that trains the project's model on its data from the start.

    Raises:
        GraphError: The graph cannot train.
        RunError: The script could not repeat the run.
    """
    facts = facts_of(dataset, project.training)
    _refuse_unrepeatable(project, facts)
    report = check(project.graph, facts)
    report.raise_errors()
    plan = make_plan(project.graph, report)
    recurrent = any(
        node.memory == "state" and not node.stream and node.block not in plan.apart
        for node in plan.nodes
    )
    carry = project.training.carry and recurrent and facts.pattern == "next token"
    writer = _Writer(project, dataset, carry)
    return Script("\n\n\n".join(writer.parts()) + "\n", writer.arrays)


def _refuse_unrepeatable(project: Project, facts: DataFacts) -> None:
    settings = project.training
    what = "There is no training script for this run"
    if settings.schedule == "plateau":
        why = "its learning rate falls when a validation is no better, and a script makes none"
        raise RunError(what, why, "Choose another schedule to have one")
    if settings.accumulate > 1 and any(s for *_, s in shares(GraphModel(project.graph, facts))):
        why = "it draws its dropout for each of several batches a step, a script once for all"
        raise RunError(what, why, "Take one batch a step, or no dropout, to have one")


class _Writer:
    """Puts the parts of the script together."""

    def __init__(self, project: Project, dataset: Dataset, carry: bool) -> None:
        self.settings = project.training
        self.dataset = dataset
        self.carry = carry
        task = dataset.task
        self.task = None if task is None else task_source(task)
        self.arrays = {"train": dataset.train} if self.task is None else dict(self.task.arrays)

    def parts(self) -> Iterator[str]:
        """Yield the parts from top to bottom."""
        yield self._head()
        if self.task is not None:
            yield self.task.text
            yield _DRAWN.strip().format(task=self.task.made, inputs=self._drawn_inputs())
        else:
            starts = _CARRIED if self.carry else _ANYWHERE
            yield _TEXT.strip().replace("STARTS", starts.strip("\n"))
        yield self._loss()
        yield from self._rate()
        yield self._optimizer()
        if self.settings.dropout_factor != 1:
            yield _DROPOUT.strip()
        if self.carry:
            yield _STATES.strip()
        yield self._train()
        yield _MAIN.strip()

    def _head(self) -> str:
        body = "\n".join(line for line in self._constants())
        math = "import math\n"
        dataclass_line = "from dataclasses import dataclass\n" if self.task is not None else ""
        time = "import time\n" if self.settings.budget == "minutes" else ""
        functional = "" if self.dataset.pattern in {"value", "forecast"} else _FUNCTIONAL
        return (
            f"{_ABOUT}\n\n{math}{time}{dataclass_line}from pathlib import Path\n\n"
            f"import numpy as np\nimport torch\n{functional}\nfrom model import Model\n\n{body}"
        )

    def _constants(self) -> Iterator[str]:
        s = self.settings
        yield "HERE = Path(__file__).parent"
        yield f"SEED = {s.seed}"
        count = f"  # in {s.accumulate} parts in the program" if s.accumulate > 1 else ""
        yield f"BATCH = {s.batch * s.accumulate}{count}"
        if self.task is None:
            yield f"WINDOW = {s.window}"
        yield f"MINUTES = {s.minutes!r}" if s.budget == "minutes" else f"STEPS = {s.steps}"
        yield f"LEARNING_RATE = {s.learning_rate!r}"
        yield f"WARMUP = {s.warmup}  # steps over which the learning rate rises"
        yield f"CLIP = {f'{s.clip!r}' if s.clip > 0 else 'math.inf'}  # longest gradient"
        if s.clip_value > 0:
            yield f"CLIP_VALUE = {s.clip_value!r}  # largest number of a gradient"
        if s.label_smoothing and self._classes:
            yield f"SMOOTHING = {s.label_smoothing!r}  # share of a target spread over all classes"
        if s.dropout_factor != 1:
            yield f"DROPOUT = {s.dropout_factor!r}  # times the drawn share"
        yield f"WEIGHT_DECAY = {s.weight_decay!r}  # of matrices, not of biases"

    @property
    def _classes(self) -> bool:
        return self.dataset.pattern in {"next token", "class", "class per step"}

    def _loss(self) -> str:
        text = _LOSS[self.dataset.pattern].strip()
        if not self.settings.label_smoothing or not self._classes:
            return text
        mean = 'F.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")'
        smooth = (
            "F.cross_entropy(\n        outputs.flatten(0, -2), targets.flatten(), "
            'reduction="none", label_smoothing=SMOOTHING\n    )'
        )
        return text.replace(mean, smooth)

    def _rate(self) -> Iterator[str]:
        """Yield what gives the learning rate of a step."""
        minutes, s = self.settings.budget == "minutes", self.settings
        if minutes:
            yield _PROGRESS.strip()
        share = "spent" if minutes else "step / STEPS"
        words, lines = {
            "constant": ("then constant", ["factor = 1.0"]),
            "cosine": (
                f"then a cosine to {s.final_share:g} of it",
                [f"share = min({share}, 1.0)",
                 f"factor = {s.final_share!r} + {1 - s.final_share!r} * 0.5 "
                 "* (1 + math.cos(math.pi * share))"],
            ),
            "step": (
                f"times {s.decay_factor:g} every {s.decay_every} steps",
                [f"factor = {s.decay_factor!r} ** (step // {s.decay_every})"],
            ),
            "onecycle": ("in one cycle", _one_cycle(share)),
        }[s.schedule]  # fmt: skip
        head = "def rate(step, spent):" if minutes else "def rate(step):"
        body = [
            f'"""Return the learning rate of a step: a linear rise, {words}."""',
            "rise = min((step + 1) / WARMUP, 1.0) if WARMUP else 1.0",
            *lines,
            "return LEARNING_RATE * rise * factor",
        ]
        yield "\n    ".join([head, *body])

    def _drawn_inputs(self) -> str:
        parts = {"inputs": "tensor(batch.inputs)"}
        if self.dataset.source:
            parts["source"] = "tensor(batch.source)"
        if self.dataset.padded:
            parts["lengths"] = "tensor(batch.lengths)"
            if self.dataset.source == "ids":
                parts["source_lengths"] = "tensor(batch.source_lengths)"
        return "{" + ", ".join(f'"{name}": {value}' for name, value in parts.items()) + "}"

    def _optimizer(self) -> str:
        made = {
            "adamw": f"AdamW(groups, lr=LEARNING_RATE, betas=(0.9, {self.settings.beta2!r}))",
            "adam": f"Adam(groups, lr=LEARNING_RATE, betas=(0.9, {self.settings.beta2!r}))",
            "sgd": f"SGD(groups, lr=LEARNING_RATE, momentum={self.settings.momentum!r})",
            "rmsprop": f"RMSprop(groups, lr=LEARNING_RATE, alpha={RMS_MEMORY!r})",
            "adagrad": "Adagrad(groups, lr=LEARNING_RATE)",
        }[self.settings.optimizer]
        return _OPTIMIZER.strip().replace("MADE", f"torch.optim.{made}")

    def _train(self) -> str:
        text = _TRAIN_CARRIED if self.carry else _TRAIN
        if self.settings.clip_value > 0:
            text = text.replace(_CLIPPED, _CLIPPED_TWICE)
        if self.settings.dropout_factor != 1:
            text = text.replace("    model.train()\n", "    model.train()\n    dampen(model)\n")
        if self.settings.budget == "minutes":
            text = text.replace("steps: int = STEPS", "steps: int | None = None")
            over = "if progress(began) >= 1.0 or step == steps:"
            text = text.replace("if step >= steps:", over)
            text = text.replace("rate(step)", "rate(step, progress(began))")
            text = text.replace("    step = 0\n", "    step, began = 0, time.perf_counter()\n")
        return text.strip()


def _one_cycle(share: str) -> list[str]:
    """Return the lines of one cycle: a cosine up, a longer one down."""
    return [
        f"share = min({share}, 1.0)",
        f"if share < {RISE_SHARE}:",
        f"    low, down = {START_SHARE}, 1 - share / {RISE_SHARE}",
        "else:",
        f"    low, down = {END_SHARE}, (share - {RISE_SHARE}) / {1 - RISE_SHARE}",
        "factor = low + (1 - low) * 0.5 * (1 + math.cos(math.pi * down))",
    ]


_ABOUT = '''
"""Trains the model of model.py as SeqStudio did: same data, seed, batches and optimizer.

Needs torch and numpy. On one processor thread (torch.set_num_threads(1)) and in float32, as
here, the losses are those of the program to the last digits that float32 has.
"""
'''.strip()
_FUNCTIONAL = "from torch.nn import functional as F\n"
_TEXT = '''
def batches():
    """Yield inputs, targets and whether the rows begin anew, without end."""
    rng = np.random.default_rng(SEED)
    ids = torch.from_numpy(np.load(HERE / "train.npy").astype(np.int64))
    steps = torch.arange(WINDOW + 1)
STARTS
'''
_ANYWHERE = """
    while True:
        starts = torch.from_numpy(rng.integers(0, len(ids) - WINDOW, BATCH))
        block = ids[starts[:, None] + steps]
        yield {"inputs": block[:, :-1]}, block[:, 1:], True
"""
_CARRIED = """
    stride = max((len(ids) - WINDOW - 1) // BATCH, 1)  # every row reads a stretch of its own
    offset, fresh = 0, True
    while True:
        if offset + WINDOW > max(stride, WINDOW):  # a new pass starts a little later
            offset, fresh = int(rng.integers(0, min(WINDOW, stride))), True
        starts = (torch.arange(BATCH) * stride + offset).clamp(max=len(ids) - WINDOW - 1)
        block = ids[starts[:, None] + steps]
        yield {"inputs": block[:, :-1]}, block[:, 1:], fresh
        offset, fresh = offset + WINDOW, False
"""
_DRAWN = '''
def tensor(array):
    """Return whole numbers as int64, others as float32."""
    whole = np.issubdtype(array.dtype, np.integer)
    return torch.from_numpy(np.array(array, np.int64 if whole else np.float32))


def batches():
    """Yield inputs, targets and whether the rows begin anew, without end."""
    rng = np.random.default_rng(SEED)
    task = {task}
    while True:
        batch = task.draw(rng, BATCH)
        yield {inputs}, tensor(batch.targets), True
'''
_CROSS_ENTROPY = '''
def loss_of(outputs, targets):
    """Return the mean cross-entropy in nats over the predictions that are asked."""
    losses = F.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
    return losses.sum() / (targets != -100).sum().clamp(min=1)
'''
_LOSS = {
    "next token": _CROSS_ENTROPY,
    "class": _CROSS_ENTROPY,
    "class per step": _CROSS_ENTROPY,
    "value": '''
def loss_of(outputs, targets):
    """Return the mean squared error."""
    return (outputs - targets).square().flatten(1).mean(1).mean()
''',
    "forecast": f'''
def loss_of(outputs, targets):
    """Return the mean of -ln N(target; mean, spread^2), summed over the numbers of a step."""
    asked = ~targets.isnan()
    mean, log_spread = outputs.chunk(2, -1)
    log_spread = log_spread.clamp{LOG_SPREADS}
    distance = torch.where(asked, targets - mean, 0.0) * (-log_spread).exp()
    density = 0.5 * distance.square() + log_spread + 0.5 * math.log(2 * math.pi)
    losses = torch.where(asked, density, 0.0).sum(-1)
    return losses.sum() / asked[..., 0].sum().clamp(min=1)
''',
    "notes": '''
def loss_of(outputs, targets):
    """Return the mean cross-entropy of independent notes, summed over the notes of a step."""
    asked = ~targets.isnan()
    known = targets.nan_to_num(0.0)
    each = F.binary_cross_entropy_with_logits(outputs, known, reduction="none")
    losses = torch.where(asked, each, 0.0).sum(-1)
    return losses.sum() / asked[..., 0].sum().clamp(min=1)
''',
}
_PROGRESS = '''
def progress(began):
    """Return the share of the time that is spent."""
    return (time.perf_counter() - began) / 60 / MINUTES
'''
_DROPOUT = f'''
def dampen(model):
    """Multiply every dropout share."""
    for module in model.modules():
        name = "p" if isinstance(module, torch.nn.Dropout) else "dropout"
        share = getattr(module, name, None)
        if isinstance(share, float):
            setattr(module, name, min(share * DROPOUT, max(share, {MOST})))
'''
_CLIPPED = "        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)\n"
_CLIPPED_TWICE = (
    "        torch.nn.utils.clip_grad_value_(model.parameters(), CLIP_VALUE)\n" + _CLIPPED
)
_OPTIMIZER = '''
def optimizer_of(model):
    """Return the optimizer; only matrices decay, not biases or norms."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY},
              {"params": others, "weight_decay": 0.0}]
    return MADE
'''
_STATES = '''
def carried(state, row):
    """Return the state without its gradient; one row, another one at each step, begins anew."""
    if isinstance(state, torch.Tensor):
        kept = state.detach().clone()
        kept[:, row] = 0.0
        return kept
    if isinstance(state, dict):
        return {name: carried(part, row) for name, part in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(carried(part, row) for part in state)
    return state
'''
_TRAIN = '''
def train(model, steps: int = STEPS):
    """Train; yield the loss of every step."""
    model.train()
    optimizer = optimizer_of(model)
    step = 0
    for inputs, targets, _ in batches():
        if step >= steps:
            return
        outputs, _ = model(**inputs)
        loss = loss_of(outputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        yield loss.item()
'''
_TRAIN_CARRIED = '''
def train(model, steps: int = STEPS):
    """Train; yield the loss of every step."""
    model.train()
    optimizer = optimizer_of(model)
    state = None
    step = 0
    for inputs, targets, fresh in batches():
        if step >= steps:
            return
        outputs, after = model(**inputs, state=None if fresh else state)
        loss = loss_of(outputs, targets)
        loss.backward()
        state = carried(after, step % BATCH)
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        yield loss.item()
'''
_MAIN = """
if __name__ == "__main__":
    torch.manual_seed(SEED)
    model = Model()
    for step, loss in enumerate(train(model)):
        if step % 50 == 0:
            print(f"step {step:6d}  loss {loss:.4f}")
    torch.save(model.state_dict(), HERE / "trained.pt")
"""
