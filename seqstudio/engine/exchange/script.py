"""The training script that goes with an exported model: it repeats the run, readably."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqstudio.blocks.check import check
from seqstudio.blocks.plan import make_plan
from seqstudio.data.dataset import Dataset
from seqstudio.data.facts import facts_of
from seqstudio.document.project import Project
from seqstudio.engine.exchange.script_data import task_source
from seqstudio.engine.losses import LOG_SPREADS


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
    """
    facts = facts_of(dataset, project.training)
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
        yield _LOSS[self.dataset.pattern].strip()
        yield _RATE_MINUTES.strip() if self.settings.budget == "minutes" else _RATE_STEPS.strip()
        yield self._optimizer()
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
        yield f"BATCH = {s.batch}"
        if self.task is None:
            yield f"WINDOW = {s.window}"
        yield f"MINUTES = {s.minutes!r}" if s.budget == "minutes" else f"STEPS = {s.steps}"
        yield f"LEARNING_RATE = {s.learning_rate!r}"
        yield f"WARMUP = {s.warmup}  # steps over which the learning rate rises"
        yield f"SCHEDULE = {s.schedule!r}"
        yield f"CLIP = {f'{s.clip!r}' if s.clip > 0 else 'math.inf'}  # longest gradient"
        yield f"WEIGHT_DECAY = {s.weight_decay!r}  # of matrices, not of biases"

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
            "sgd": "torch.optim.SGD(groups, lr=LEARNING_RATE, momentum=0.9)",
            "rmsprop": "torch.optim.RMSprop(groups, lr=LEARNING_RATE, alpha=0.95)",
        }.get(
            self.settings.optimizer,
            f"torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, {self.settings.beta2!r}))",
        )
        return _OPTIMIZER.strip().replace("MADE", made)

    def _train(self) -> str:
        text = _TRAIN_CARRIED if self.carry else _TRAIN
        if self.settings.budget == "minutes":
            text = text.replace("steps: int = STEPS", "steps: int | None = None")
            over = "if progress(began) >= 1.0 or step == steps:"
            text = text.replace("if step >= steps:", over)
            text = text.replace("rate(step)", "rate(step, progress(began))")
            text = text.replace("    step = 0\n", "    step, began = 0, time.perf_counter()\n")
        return text.strip()


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
_RATE_STEPS = '''
def rate(step):
    """Return the learning rate of a step: a linear rise, then a cosine to 3 %, or constant."""
    rise = min((step + 1) / WARMUP, 1.0) if WARMUP else 1.0
    if SCHEDULE == "constant":
        return LEARNING_RATE * rise
    cosine = 0.5 * (1 + math.cos(math.pi * min(step / STEPS, 1.0)))
    return LEARNING_RATE * rise * (0.03 + 0.97 * cosine)
'''
_RATE_MINUTES = '''
def progress(began):
    """Return the share of the time that is spent."""
    return (time.perf_counter() - began) / 60 / MINUTES


def rate(step, spent):
    """Return the learning rate of a step: a linear rise, then a cosine to 3 %, or constant."""
    rise = min((step + 1) / WARMUP, 1.0) if WARMUP else 1.0
    if SCHEDULE == "constant":
        return LEARNING_RATE * rise
    cosine = 0.5 * (1 + math.cos(math.pi * min(spent, 1.0)))
    return LEARNING_RATE * rise * (0.03 + 0.97 * cosine)
'''
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
