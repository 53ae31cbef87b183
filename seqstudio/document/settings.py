"""Settings of a project beside its graph: data, training, sampling. Tables of `Param`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import ClassVar, Self

from seqstudio.document.param import Param, Value, parse_all


@dataclass(frozen=True)
class Settings:
    """A frozen set of values with the table that declares them."""

    PARAMS: ClassVar[tuple[Param, ...]] = ()

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> Self:
        """Build from plain values; what is missing takes its default.

        Raises:
            ParamError: A value is refused.
        """
        return cls(**parse_all(cls.PARAMS, given))

    @classmethod
    def param(cls, name: str) -> Param:
        """Return the declaration of one setting; KeyError if there is none."""
        for param in cls.PARAMS:
            if param.name == name:
                return param
        raise KeyError(name)

    def with_value(self, name: str, value: object) -> Self:
        """Return a copy with one setting changed.

        Raises:
            ParamError: The value is refused.
        """
        return type(self)(**{**asdict(self), name: self.param(name).parse(value)})

    def as_dict(self) -> dict[str, Value]:
        """Return all values by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class DataSettings(Settings):
    """What the model reads.

    Attributes:
        kind: One of the choices of `PARAMS`; `seqstudio.data.sources.KINDS` opens them.
        path: File, absolute or relative to the project; "" is the built-in corpus of the kind.
        held_out: Share kept for validation, from the end.
        transpose: For tunes: multiply the training tunes by transposition.
        length: For generated sequences: steps of one, the most where they differ.
    """

    kind: str = "text"
    path: str = ""
    held_out: float = 0.1
    transpose: str = "auto"
    length: int = 50

    FROM_TEXTS: ClassVar[frozenset[str]] = frozenset({"text", "masked"})
    FROM_TUNES: ClassVar[frozenset[str]] = frozenset({"abc", "frames"})
    WITHOUT_LENGTH: ClassVar[frozenset[str]] = frozenset(
        {"text", "abc", "hello", "shapes", "rows", "pixels", "captions"}
    )

    PARAMS: ClassVar[tuple[Param, ...]] = (
        Param(
            "kind", "Data", "choice", "text",
            choices=(
                ("text", "Text, by character"),
                ("abc", "Tunes in ABC, by character"),
                ("hello", "The word hello"),
                ("adding", "Adding problem"),
                ("recall", "Recall a cue"),
                ("order", "Order of two words"),
                ("parity", "Running parity of bits"),
                ("brackets", "Open brackets"),
                ("tagging", "Tags by marks to come"),
                ("masked", "Masked text, by character"),
                ("copy", "Copy a word"),
                ("reverse", "Write a word backwards"),
                ("shapes", "Pictures of shapes"),
                ("rows", "Shapes, row by row"),
                ("pixels", "Shapes, pixel by pixel"),
                ("captions", "Pictures and sentences"),
                ("waves", "Waves to forecast"),
                ("frames", "Piano frames of tunes"),
            ),
            help="What the model reads and has to predict.",
        ),
        Param(
            "path", "File", "path", "",
            help="Your own file. Empty: the built-in corpus.",
        ),
        Param(
            "held_out", "Held out", "float", 0.1, 0.01, 0.5,
            help="Share of the data, from its end, that the model never trains on.",
        ),
        Param(
            "transpose", "Transpose", "choice", "auto",
            choices=(("auto", "When the book is small"), ("on", "Always"), ("off", "Never")),
            help="Writes every training tune in all twelve keys. Held-out tunes stay as they are.",
        ),
        Param(
            "length", "Length", "int", 50, 4, 2000, unit="steps",
            help="Steps of one generated sequence, the most where they differ: how far the model "
                 "has to remember.",
        ),
    )  # fmt: skip

    def idle(self) -> frozenset[str]:
        """Return the names of the settings that have no effect on this kind of data."""
        idle = set()
        if self.kind not in self.FROM_TEXTS | self.FROM_TUNES:
            idle |= {"path", "held_out"}
        if self.kind not in self.FROM_TUNES:
            idle.add("transpose")
        if self.kind in self.WITHOUT_LENGTH:
            idle.add("length")
        return frozenset(idle)


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How the model learns. Defaults reach the curves in docs/benchmarks.md on two CPU cores."""

    batch: int = 32
    window: int = 128
    carry: bool = True
    optimizer: str = "adamw"
    learning_rate: float = 4e-3
    clip: float = 1.0
    weight_decay: float = 0.01
    beta2: float = 0.99
    warmup: int = 100
    schedule: str = "cosine"
    budget: str = "minutes"
    minutes: float = 5.0
    steps: int = 2000
    precision: str = "auto"
    threads: int = 0
    seed: int = 0

    PARAMS: ClassVar[tuple[Param, ...]] = (
        Param("batch", "Batch", "int", 32, 1, 4096, unit="rows",
              help="Sequences a step learns from at once."),
        Param("window", "Window", "int", 128, 4, 4096, unit="steps",
              help="Time steps that the gradient can travel back. Beyond it the gradient stops."),
        Param("carry", "Carry state", "bool", True,
              help="The state after one window is the start of the next: memory reaches further "
                   "than the gradient. Recurrent models only."),
        Param("optimizer", "Optimizer", "choice", "adamw",
              choices=(("adamw", "AdamW"), ("sgd", "SGD with momentum"), ("rmsprop", "RMSprop")),
              help="The rule that turns gradients into steps."),
        Param("learning_rate", "Learning rate", "float", 4e-3, 1e-6, 10.0, log=True, live=True,
              help="Size of a step, before the schedule."),
        Param("clip", "Clip norm", "float", 1.0, 0.0, 1e4, log=True, live=True,
              help="A gradient longer than this is shortened to it. 0 switches clipping off."),
        Param("weight_decay", "Weight decay", "float", 0.01, 0.0, 1.0,
              help="Pulls weights towards zero at every step."),
        Param("beta2", "Second beta", "float", 0.99, 0.5, 0.99999,
              help="Memory of AdamW for the size of gradients."),
        Param("warmup", "Warm-up", "int", 100, 0, 100_000, unit="steps",
              help="Steps over which the learning rate rises from zero."),
        Param("schedule", "Schedule", "choice", "cosine",
              choices=(("cosine", "Cosine to 3 %"), ("constant", "Constant")),
              help="How the learning rate falls over the budget."),
        Param("budget", "Budget", "choice", "minutes",
              choices=(("minutes", "Minutes"), ("steps", "Steps")),
              help="What ends a run. Minutes fit the schedule to your computer; steps make a "
                   "run repeatable bit for bit."),
        Param("minutes", "Minutes", "float", 5.0, 0.05, 10_000.0, unit="min",
              help="Training time of a run."),
        Param("steps", "Steps", "int", 2000, 1, 100_000_000,
              help="Training steps of a run."),
        Param("precision", "Precision", "choice", "auto",
              choices=(("auto", "Fastest, by trial"), ("float32", "float32"),
                       ("bfloat16", "bfloat16 where it helps")),
              help="Number format of the large products. The trial takes a few real steps."),
        Param("threads", "Threads", "int", 0, 0, 256,
              help="Processor threads. 0 lets a short trial choose."),
        Param("seed", "Seed", "int", 0, 0, 2**31 - 1,
              help="Start of all random numbers of a run."),
    )  # fmt: skip


@dataclass(frozen=True)
class SamplingSettings(Settings):
    """How the model writes."""

    prompt: str = ""
    length: int = 400
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    probe_text: str = ""

    PARAMS: ClassVar[tuple[Param, ...]] = (
        Param("prompt", "Prompt", "text", "", live=True,
              help="Text that the model continues. Empty: a line break."),
        Param("length", "Length", "int", 400, 1, 20_000, unit="tokens", live=True,
              help="Tokens to write."),
        Param("temperature", "Temperature", "float", 0.8, 0.0, 5.0, live=True,
              help="Below 1 the likely becomes likelier; 0 always takes the likeliest."),
        Param("top_k", "Top k", "int", 0, 0, 10_000, live=True,
              help="Choose among the k likeliest only. 0 switches it off."),
        Param("top_p", "Top p", "float", 1.0, 0.01, 1.0, live=True,
              help="Choose among the likeliest that together reach this probability."),
        Param("probe_text", "Probe text", "text", "", live=True,
              help="The text that the attention and gradient panels look at. Empty: the start of "
                   "the held-out part."),
    )  # fmt: skip
