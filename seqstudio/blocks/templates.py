"""Templates: whole projects that work, each with data, settings and what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.editing import STEP_X
from seqstudio.core.errors import ProjectError
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Value
from seqstudio.document.project import Project
from seqstudio.document.settings import DataSettings, SamplingSettings, TrainingSettings

Settings = Mapping[str, Value]


@dataclass(frozen=True)
class Template:
    """A project to start from.

    Attributes:
        id: Key for the command line.
        title: Name in the gallery.
        task: Kind of task in two or three words.
        sentence: One sentence: what it does.
        look: What to look at first.
        minutes: Until there is something to see, on two processor cores.
        icon: Icon name of the theme.
        chain: Blocks in a row: (kind, settings that differ from the defaults).
        data: Data settings that differ from the defaults.
        training: Training settings that differ.
        sampling: Sampling settings that differ.
        extra_wires: Wires beside the chain, by position: (from, to, port).
    """

    id: str
    title: str
    task: str
    sentence: str
    look: str
    minutes: float
    icon: str
    chain: tuple[tuple[str, Settings], ...]
    data: Settings = field(default_factory=dict)
    training: Settings = field(default_factory=dict)
    sampling: Settings = field(default_factory=dict)
    extra_wires: tuple[tuple[int, int, str], ...] = ()


def _char(kind: str, title: str, sentence: str, look: str, rate: float) -> Template:
    return Template(
        id=f"char-{kind}",
        title=title,
        task="next character",
        sentence=sentence,
        look=look,
        minutes=5,
        icon="text",
        chain=(
            ("tokens", {}),
            ("embedding", {"width": 64}),
            (kind, {"hidden": 512, **({"init": "orthogonal"} if kind == "rnn" else {})}),
            ("dropout", {"share": 0.2}),
            ("next_token", {}),
        ),
        training={"learning_rate": rate},
    )


def _adding(kind: str, title: str, sentence: str, settings: Settings) -> Template:
    return Template(
        id=f"adding-{kind}",
        title=title,
        task="adding problem",
        sentence=sentence,
        look="The floor of 0.167 is the answer 1 every time. Falling below it means remembering.",
        minutes=2,
        icon="target",
        chain=(
            ("vectors", {}),
            (kind, {"hidden": 128, **settings}),
            ("last_step", {}),
            ("value_head", {}),
        ),
        data={"kind": "adding", "length": 50},
        training={
            "learning_rate": 2e-3,
            "batch": 64,
            "carry": False,
            "weight_decay": 0.0,
            "minutes": 3.0,
        },
    )


_ALL = (
    _char(
        "lstm",
        "Character LSTM",
        "An LSTM reads text letter by letter and learns to write it.",
        "Watch the sample: letters, then words, then lines that look right.",
        4e-3,
    ),
    _char(
        "gru",
        "Character GRU",
        "The same with a GRU: two gates instead of three.",
        "Compare its gradient horizon with the LSTM's.",
        3e-3,
    ),
    _char(
        "rnn",
        "Character RNN",
        "The same with a plain tanh RNN, the lecture's first recurrent net.",
        "The gradient horizon: how many steps until a tenth is left?",
        1e-3,
    ),
    Template(
        id="char-gpt",
        title="Small GPT",
        task="next character",
        sentence="A transformer of four layers reads the same text through attention.",
        look="Type a sentence in the attention panel and watch heads find their pattern.",
        minutes=5,
        icon="attention",
        chain=(
            ("tokens", {}),
            ("embedding", {"width": 192}),
            ("transformer", {"layers": 4, "heads": 6}),
            ("layer_norm", {}),
            ("next_token", {"tie": True}),
        ),
        training={
            "learning_rate": 3e-3,
            "batch": 16,
            "beta2": 0.98,
            "weight_decay": 0.1,
            "carry": False,
        },
    ),
    Template(
        id="char-attention",
        title="Attention, taken apart",
        task="next character",
        sentence="Self-attention with positions, a residual sum and a norm, each its own block.",
        look="Delete the positional encoding: what can it still learn?",
        minutes=3,
        icon="attention",
        chain=(
            ("tokens", {}),
            ("embedding", {"width": 128}),
            ("positions", {}),
            ("layer_norm", {}),
            ("self_attention", {"heads": 4, "positions": "none"}),
            ("add", {}),
            ("next_token", {}),
        ),
        extra_wires=((2, 5, "other"),),
        training={"learning_rate": 3e-3, "batch": 16, "beta2": 0.98, "carry": False},
    ),
    Template(
        id="abc-lstm",
        title="Tunes",
        task="music",
        sentence="An LSTM learns traditional tunes in ABC notation and writes new ones.",
        look="Press Write in the Listen page at any step and hear how it changes.",
        minutes=3,
        icon="note",
        chain=(
            ("tokens", {}),
            ("embedding", {"width": 64}),
            ("lstm", {"hidden": 512}),
            ("dropout", {"share": 0.4}),
            ("next_token", {}),
        ),
        data={"kind": "abc"},
        training={"learning_rate": 4e-3, "minutes": 3.0},
        sampling={"prompt": "X:1\n", "length": 500},
    ),
    _adding(
        "rnn",
        "Adding with an RNN",
        "Two of fifty numbers are marked; a tanh RNN has to add them.",
        {},
    ),
    _adding(
        "lstm",
        "Adding with an LSTM",
        "Two of fifty numbers are marked; an LSTM has to add them.",
        {},
    ),
    Template(
        id="recall-lstm",
        title="Recall a cue",
        task="one label a sequence",
        sentence="A cue at the start has to be named at the end, past distractors.",
        look="Set Length to 50 and Forget bias to 1, then to 5. Only one of them learns.",
        minutes=1,
        icon="flag",
        chain=(
            ("tokens", {}),
            ("embedding", {"width": 32}),
            ("lstm", {"hidden": 32, "forget_bias": 5.0}),
            ("last_step", {}),
            ("class_head", {}),
        ),
        data={"kind": "recall", "length": 50},
        training={
            "learning_rate": 3e-3,
            "carry": False,
            "budget": "steps",
            "steps": 1000,
            "schedule": "constant",
            "weight_decay": 0.0,
        },
    ),
    Template(
        id="hello-rnn",
        title="Hello",
        task="four letters",
        sentence="The lecture's example: h, e, l, l have to give e, l, l, o.",
        look="Without memory the loss stops at 0.347: after l comes l or o. The RNN goes below.",
        minutes=0.1,
        icon="lesson",
        chain=(("tokens", {}), ("one_hot", {}), ("rnn", {"hidden": 3}), ("next_token", {})),
        data={"kind": "hello"},
        training={
            "learning_rate": 0.05,
            "batch": 1,
            "window": 4,
            "carry": False,
            "budget": "steps",
            "steps": 800,
            "schedule": "constant",
            "warmup": 0,
            "weight_decay": 0.0,
            "clip": 0.0,
            "precision": "float32",
            "threads": 1,
            "beta2": 0.999,
        },
        sampling={"prompt": "h", "length": 4, "temperature": 0.0},
    ),
)

TEMPLATES: Mapping[str, Template] = {template.id: template for template in _ALL}
FIRST = "char-lstm"


def make(template_id: str, data_path: str = "") -> Project:
    """Build the project of a template, on the person's own data when a path is given.

    Raises:
        ProjectError: There is no such template, or it takes no file.
    """
    template = TEMPLATES.get(template_id)
    if template is None:
        raise ProjectError(
            f"There is no template {template_id!r}", "", "Choose one of: " + ", ".join(TEMPLATES)
        )
    data = DataSettings.parse({**template.data, "path": data_path})
    if data_path and data.kind not in {"text", "abc"}:
        raise ProjectError(
            f"{template_id} takes no file", "its data are generated", "Leave --data out"
        )
    return Project(
        graph=_graph(template),
        data=data,
        training=TrainingSettings.parse(template.training),
        sampling=SamplingSettings.parse(template.sampling),
        template=template.id,
    )


def _graph(template: Template) -> Graph:
    graph = Graph()
    ids: list[str] = []
    for index, (kind, settings) in enumerate(template.chain):
        params = KINDS[kind].parse({**KINDS[kind].defaults(), **settings})
        block = Block(graph.new_id(kind), kind, index * STEP_X, 0.0, params)
        graph = graph.with_block(block)
        if ids:
            graph = graph.with_wire(Wire(ids[-1], "out", block.id, "in"))
        ids.append(block.id)
    for start, end, port in template.extra_wires:
        graph = graph.with_wire(Wire(ids[start], "out", ids[end], port))
    return graph
