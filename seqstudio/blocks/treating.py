"""What helps a model that does not learn, as edits of its project: each is one undoable step.

Which of them fits a symptom is decided in `seqstudio.runtime.diagnosis`. A treatment that the
graph has no place for is not there: functions return None then, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from seqstudio.blocks import editing
from seqstudio.blocks.check import check, title_of
from seqstudio.blocks.declaration import DataFacts
from seqstudio.core.errors import SeqError
from seqstudio.document.edits import Edit, SetGraph, SetSetting
from seqstudio.document.graph import Block, Graph
from seqstudio.document.param import Value
from seqstudio.document.project import Project
from seqstudio.document.settings import TrainingSettings

CELL_TITLES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
DROPOUT = 0.2


@dataclass(frozen=True)
class Treatment:
    """Something to change.

    Attributes:
        words: What the button says.
        edit: The change of the project.
        said: What it changed, with the values before and after.
        live: A run that goes on takes it at its next step.
        anew: It acts on the start of the weights, so only a new run shows it.
    """

    words: str
    edit: Edit
    said: str
    live: bool = False
    anew: bool = False


Make = Callable[[Project], Treatment | None]


def fitting(
    project: Project, makes: Iterable[Make], facts: DataFacts | None
) -> tuple[Treatment, ...]:
    """Return the treatments that change the project and leave a model that can train."""
    found = []
    for make in makes:
        treatment = make(project)
        if treatment is not None and _trains(project, treatment, facts):
            found.append(treatment)
    return tuple(found)


def _trains(project: Project, treatment: Treatment, facts: DataFacts | None) -> bool:
    try:
        after = treatment.edit.apply(project)
    except SeqError:
        return False
    return after is not project and (facts is None or not check(after.graph, facts).errors)


# ----------------------------------------------------------------------------------- the settings


def setting(name: str, value: float, words: str = "") -> Make:
    """Set a setting of training."""
    param = TrainingSettings.param(name)

    def make(project: Project) -> Treatment | None:
        now = getattr(project.training, name)
        wanted = param.parse(_inside(value, param.low, param.high))
        if wanted == now:
            return None
        said = f"{param.title}: {_number(now)} → {_number(wanted)}"
        label = words or f"{param.title} {_number(wanted)}"
        return Treatment(label, SetSetting("training", name, wanted, label), said, param.live)

    return make


def scaled(name: str, factor: float, words: str) -> Make:
    """Multiply a setting of training."""

    def make(project: Project) -> Treatment | None:
        return setting(name, float(getattr(project.training, name)) * factor, words)(project)

    return make


def clipped(project: Project) -> Treatment | None:
    """Clip the gradient at length 1, where it is not."""
    if 0 < project.training.clip <= 1:
        return None
    return setting("clip", 1.0, "Clip the gradient at 1")(project)


def _inside(value: float, low: float | None, high: float | None) -> float:
    least = value if low is None else max(value, low)
    return least if high is None else min(least, high)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.2g}"


# --------------------------------------------------------------------------------- the recurrence


def cells_to(kind: str, **settings: Value) -> Make:
    """Replace every other recurrent block by one of a kind."""
    title = CELL_TITLES[kind]

    def make(project: Project) -> Treatment | None:
        others = [b for b in project.graph if b.kind in editing.CELLS and b.kind != kind]
        if not others:
            return None
        before = ", ".join(title_of(block) for block in others)
        edit = editing.switch_cells(project.graph, kind, **settings)
        words = f"Replace {before} by {title}"
        return Treatment(words, SetGraph(edit.graph, words), f"{before} → {title}")

    return make


def plain_to(kind: str, **settings: Value) -> Make:
    """Replace plain RNNs by a gated kind; a model that has gates already is left."""
    switch = cells_to(kind, **settings)

    def make(project: Project) -> Treatment | None:
        cells = [block for block in project.graph if block.kind in editing.CELLS]
        return switch(project) if cells and all(b.kind == "rnn" for b in cells) else None

    return make


def each(kinds: Iterable[str], words: str, *, anew: bool = False, **values: Value) -> Make:
    """Set settings of all blocks of some kinds.

    Args:
        kinds: Kinds of blocks.
        words: What the button says.
        anew: Only a new run shows it.
        values: New values by name of the setting.
    """
    chosen = frozenset(kinds)

    def make(project: Project) -> Treatment | None:
        graph, said = project.graph, []
        for block in [block for block in project.graph if block.kind in chosen]:
            changed = {k: v for k, v in values.items() if block.params.get(k) not in {None, v}}
            said += [_said(block, name, value) for name, value in changed.items()]
            graph = graph.with_block(replace(block, params={**block.params, **changed}))
        return (
            Treatment(words, SetGraph(graph, words), ", ".join(said), anew=anew) if said else None
        )

    return make


def _said(block: Block, name: str, value: Value) -> str:
    return f"{title_of(block)} {name.replace('_', ' ')}: {block.params[name]} → {value}"


def forget_bias(value: float) -> Make:
    """Open the forget gates of LSTMs at the start."""
    words = f"Forget bias {value:g}"

    def make(project: Project) -> Treatment | None:
        low = [
            b for b in project.graph if b.kind == "lstm" and float(b.params["forget_bias"]) < value
        ]
        return each(("lstm",), words, anew=True, forget_bias=value)(project) if low else None

    return make


orthogonal = each(editing.CELLS, "Orthogonal recurrent matrix", anew=True, init="orthogonal")
identity = each(
    ("rnn",), "ReLU and the identity (IRNN)", anew=True, init="identity", nonlinearity="relu"
)


def residual(project: Project) -> Treatment | None:
    """Let each layer of a stack add to what it reads."""
    deep = any(int(block.params.get("layers", 1)) > 1 for block in project.graph)
    make = each(editing.CELLS, "Residual connections between layers", residual=True)
    return make(project) if deep else None


# ------------------------------------------------------------------------------- blocks on wires


def layer_norm(project: Project) -> Treatment | None:
    """Put a layer norm behind every recurrent block that has none."""
    return _behind_cells(project, "layer_norm", "Add a layer norm", {})


def dropout(project: Project) -> Treatment | None:
    """Leave out a share of the features: more of it where there is some, else before the head."""
    words = f"Dropout {DROPOUT:g}"
    there = [b for b in project.graph if b.params.get("dropout") and _uses_dropout(b)]
    if there or any(block.kind == "dropout" for block in project.graph):
        return scaled("dropout_factor", 2.0, "Twice the dropout")(project)
    own = [b.kind for b in project.graph if "dropout" in b.params and _uses_dropout(b)]
    if own:
        return each(own, words, dropout=DROPOUT)(project)
    return _behind_cells(project, "dropout", words, {"share": DROPOUT})


def _uses_dropout(block: Block) -> bool:
    return block.kind not in editing.CELLS or int(block.params.get("layers", 1)) > 1


def _behind_cells(
    project: Project, kind: str, words: str, settings: dict[str, Value]
) -> Treatment | None:
    graph, titles = project.graph, []
    for wire in list(project.graph.wires):
        block, target = project.graph.blocks[wire.source], project.graph.blocks[wire.target]
        if block.kind not in editing.CELLS or kind in {target.kind, block.kind}:
            continue
        if wire.out == "out" and editing.can_insert(graph, kind, wire):
            graph = _with(graph, editing.insert_on_wire(graph, kind, wire).apply, settings)
            titles.append(title_of(block))
    if not titles:
        return None
    return Treatment(words, SetGraph(graph, words), f"{words}: behind {', '.join(titles)}")


def _with(graph: Graph, insert: Callable[[Project], Project], settings: dict[str, Value]) -> Graph:
    after = insert(Project(graph)).graph
    for key in after.blocks.keys() - graph.blocks.keys():
        for name, value in settings.items():
            if name in after.blocks[key].params:
                after = after.with_block(after.blocks[key].with_param(name, value))
    return after


def activation(function: str, title: str) -> Make:
    """Give blocks with a ReLU another function."""
    words = f"{title} in place of ReLU"

    def make(project: Project) -> Treatment | None:
        graph, said = project.graph, []
        for block in project.graph:
            name = next((n for n, v in block.params.items() if v == "relu"), "")
            if not name or block.kind in editing.CELLS:
                continue
            said.append(_said(block, name, function))
            graph = graph.with_block(block.with_param(name, function))
        return Treatment(words, SetGraph(graph, words), ", ".join(said)) if said else None

    return make


tanh_cells = each(("rnn",), "tanh in place of ReLU", nonlinearity="tanh")
