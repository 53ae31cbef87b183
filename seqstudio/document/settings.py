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


_FILE = frozenset({"path", "held_out"})
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DataSettings(Settings):
    """What the model reads.

    Attributes:
        kind: One of the choices of `PARAMS`; `seqstudio.data.sources.KINDS` opens them.
        path: File, absolute or relative to the project; "" is the built-in corpus of the kind.
        held_out: Share kept for validation, from the end.
        transpose: For tunes: multiply the training tunes by transposition.
        length: For generated sequences: steps of one, the most where they differ.
        columns: For tables: what each column holds, `text=review label=stars`; "" looks.
        tokens: For texts: what one token is.
        symbols: For words and pieces: most tokens of the vocabulary.
        side: For pictures: pixels of a side, 0 what suits the data.
        vary: For pictures: how far training pictures are moved at random.
        differences: For series: what is taken away before a model sees them.
        logarithm: For series: whether their logarithm is forecast.
        season: For series: steps of a season; 0 looks for it.
        rate: For sound: most samples a second.
        seen: For the ball: frames that are seen at once.
    """

    kind: str = "text"
    path: str = ""
    held_out: float = 0.1
    transpose: str = "auto"
    length: int = 50
    columns: str = ""
    tokens: str = "auto"
    symbols: int = 5000
    side: int = 0
    vary: float = 0.0
    differences: str = "auto"
    logarithm: str = "auto"
    season: int = 0
    rate: int = 8000
    seen: int = 1

    FROM_TEXTS: ClassVar[frozenset[str]] = frozenset({"text", "masked"})
    FROM_TUNES: ClassVar[frozenset[str]] = frozenset(
        {"abc", "abc-tokens", "events", "voices", "frames"}
    )
    USES: ClassVar[Mapping[str, frozenset[str]]] = {
        "text": _FILE | {"tokens", "symbols"},
        "abc": _FILE | {"transpose"},
        **dict.fromkeys(("abc-tokens", "events", "voices"), _FILE | {"transpose"}),
        "masked": _FILE | {"length", "tokens", "symbols"},
        "frames": _FILE | {"transpose", "length"},
        "tagged": _FILE | {"length", "symbols"},
        "sentences": _FILE | {"length", "columns", "tokens", "symbols"},
        "order-pairs": frozenset({"held_out", "length", "tokens"}),
        "pairs": _FILE | {"length", "columns", "tokens", "symbols"},
        "series": _FILE | {"length", "columns", "differences", "logarithm", "season", "rate"},
        "audio": _FILE | {"rate"},
        "dna": _FILE,
        "ball": frozenset({"length", "seen"}),
        **dict.fromkeys(("programs", "hello", "shapes", "rows", "pixels"), _NOTHING),
        **dict.fromkeys(("digits", "digit-rows", "digit-pixels"), _FILE | {"side", "vary"}),
        "captions": _FILE | {"side", "symbols"},
        "clips": _FILE | {"length", "side"},
        "clip-frames": frozenset({"length", "side"}),
    }
    """Settings that have an effect on a kind of data; one that is not named is drawn: length."""

    PARAMS: ClassVar[tuple[Param, ...]] = (
        Param(
            "kind", "Data", "choice", "text",
            choices=(
                ("text", "Text"),
                ("abc", "Tunes in ABC, by character"),
                ("abc-tokens", "Tunes in ABC, by musical token"),
                ("events", "Music as events"),
                ("voices", "Music in four voices"),
                ("programs", "Programs and talk, by character"),
                ("hello", "The word hello"),
                ("adding", "Adding problem"),
                ("recall", "Recall a cue"),
                ("order", "Order of two words"),
                ("copy-memory", "Copy after a gap"),
                ("temporal-order", "Order of two far marks"),
                ("parity", "Running parity of bits"),
                ("brackets", "Open brackets"),
                ("anbn", "Counting: aⁿbⁿ"),
                ("anbncn", "Counting: aⁿbⁿcⁿ"),
                ("tagging", "Tags by marks to come"),
                ("tagged", "Sentences with a tag a word"),
                ("masked", "Masked text"),
                ("copy", "Copy a word"),
                ("reverse", "Write a word backwards"),
                ("shapes", "Pictures of shapes"),
                ("rows", "Shapes, row by row"),
                ("pixels", "Shapes, pixel by pixel"),
                ("captions", "Pictures and sentences"),
                ("digits", "Pictures in classes"),
                ("digit-rows", "Pictures in classes, row by row"),
                ("digit-pixels", "Pictures in classes, pixel by pixel"),
                ("clips", "Moving pictures"),
                ("clip-frames", "Moving pictures, frame by frame"),
                ("waves", "Waves to forecast"),
                ("sentences", "Texts with a label"),
                ("order-pairs", "Sentence pairs that differ in order"),
                ("pairs", "Pairs of sentences"),
                ("frames", "Piano frames of music"),
                ("series", "Series to forecast"),
                ("audio", "Sound, by sample"),
                ("ball", "A ball in a box"),
                ("ecg", "Heartbeats"),
                ("dna", "DNA, by base"),
                ("islands", "CpG islands in DNA"),
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
            help="Writes every training tune in all twelve keys, events at three tempos too. "
                 "Held-out tunes stay as they are.",
        ),
        Param(
            "length", "Length", "int", 50, 4, 2000, unit="steps",
            help="Steps of one generated sequence, the most where they differ: how far the model "
                 "has to remember.",
        ),
        Param(
            "columns", "Columns", "text", "",
            help='What the columns of a table hold: text=review label="star rating". Empty: found '
                 "by looking. Roles: text, label, value, time; for pairs source and target.",
        ),
        Param(
            "tokens", "Tokens", "choice", "auto",
            choices=(("auto", "What suits the data"), ("characters", "Characters"),
                     ("words", "Words"), ("pieces", "Pieces of words (byte pairs)")),
            help="What the model reads at one time step.",
        ),
        Param(
            "symbols", "Vocabulary", "int", 5000, 16, 60_000, unit="tokens",
            help="Most words or pieces that the model knows; rarer words become one sign.",
        ),
        Param(
            "side", "Picture side", "int", 0, 0, 256, unit="pixels",
            help="Every picture is made a square of this side. 0: what suits the data.",
        ),
        Param(
            "vary", "Vary pictures", "float", 0.0, 0.0, 3.0, unit="×",
            help="Training pictures are shifted, turned, slanted and scaled a little at random, "
                 "held-out ones never. 1: by about a twelfth of the side and 9 degrees.",
        ),
        Param(
            "differences", "Differences", "choice", "auto",
            choices=(("auto", "What a regression tells best"), ("none", "None: the values"),
                     ("step", "From the step before"), ("season", "From a season before"),
                     ("both", "From both, one after the other")),
            help="What is taken away before a model sees a series. A trend or a season that is "
                 "taken away need not be learnt.",
        ),
        Param(
            "logarithm", "Logarithm", "choice", "auto",
            choices=(("auto", "Where a regression gains"), ("on", "Always"), ("off", "Never")),
            help="Forecasts the logarithm: for series that grow by shares. Values have to be "
                 "above zero.",
        ),
        Param(
            "season", "Season", "int", 0, 0, 5000, unit="steps",
            help="Steps after which a series repeats. 0: found by its autocorrelation.",
        ),
        Param(
            "rate", "Sample rate", "int", 8000, 500, 48_000, unit="Hz",
            help="Sound with more samples a second is resampled down to this.",
        ),
        Param(
            "seen", "Frames seen", "int", 1, 1, 8, unit="frames",
            help="Frames that the model is shown at once at every step.",
        ),
    )  # fmt: skip

    @property
    def cut(self) -> bool:
        """Whether a window is cut out of a long text; else whole sequences are drawn."""
        return self.kind in {
            "text", "abc", "abc-tokens", "events", "voices", "programs", "audio", "dna",
        }  # fmt: skip

    @property
    def takes_file(self) -> bool:
        """Whether this kind of data can be read from a person's own file or folder."""
        return "path" not in self.idle()

    def idle(self) -> frozenset[str]:
        """Return the names of the settings that have no effect on this kind of data."""
        return frozenset(self.as_dict()) - {"kind"} - self.USES.get(self.kind, {"length"})


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How the model learns. Defaults reach the curves in docs/benchmarks.md on two CPU cores."""

    batch: int = 32
    accumulate: int = 1
    window: int = 128
    carry: bool = True
    optimizer: str = "adamw"
    learning_rate: float = 4e-3
    clip: float = 1.0
    clip_value: float = 0.0
    weight_decay: float = 0.01
    momentum: float = 0.9
    beta2: float = 0.99
    label_smoothing: float = 0.0
    dropout_factor: float = 1.0
    warmup: int = 100
    schedule: str = "cosine"
    final_share: float = 0.03
    decay_every: int = 1000
    decay_factor: float = 0.5
    decay_patience: int = 3
    budget: str = "minutes"
    minutes: float = 5.0
    steps: int = 2000
    validate_every: int = 0
    stop_patience: int = 0
    precision: str = "auto"
    threads: int = 0
    compile: bool = False
    seed: int = 0
    checkpoints: int = 24

    PARAMS: ClassVar[tuple[Param, ...]] = (
        Param("batch", "Batch", "int", 32, 1, 4096, unit="rows", live=True,
              help="Sequences a step learns from at once."),
        Param("accumulate", "Batches a step", "int", 1, 1, 1024,
              help="Batches whose gradients one step adds up: as one batch of so many times the "
                   "rows, in less memory."),
        Param("window", "Window", "int", 128, 4, 4096, unit="steps", live=True,
              help="Time steps that the gradient can travel back. Beyond it the gradient stops."),
        Param("carry", "Carry state", "bool", True,
              help="The state after one window is the start of the next: memory reaches further "
                   "than the gradient. Recurrent models only."),
        Param("optimizer", "Optimizer", "choice", "adamw",
              choices=(("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD with momentum"),
                       ("rmsprop", "RMSprop"), ("adagrad", "Adagrad")),
              help="The rule that turns gradients into steps."),
        Param("learning_rate", "Learning rate", "float", 4e-3, 1e-6, 10.0, log=True, live=True,
              help="Size of a step, before the schedule."),
        Param("clip", "Clip norm", "float", 1.0, 0.0, 1e4, log=True, live=True,
              help="A gradient longer than this is shortened to it. 0 switches clipping off."),
        Param("clip_value", "Clip value", "float", 0.0, 0.0, 1e4, log=True, live=True,
              help="Each number of the gradient is cut to this size, before the norm. 0 switches "
                   "it off."),
        Param("weight_decay", "Weight decay", "float", 0.01, 0.0, 1.0,
              help="Pulls weights towards zero at every step: apart from the gradient in AdamW, "
                   "as a part of it in the others."),
        Param("momentum", "Momentum", "float", 0.9, 0.0, 0.9999,
              help="Share of the last step that SGD adds to the next."),
        Param("beta2", "Second beta", "float", 0.99, 0.5, 0.99999,
              help="Memory of AdamW and Adam for the size of gradients."),
        Param("label_smoothing", "Label smoothing", "float", 0.0, 0.0, 0.9, live=True,
              help="Share of the target spread over all classes. The training loss has it, the "
                   "validation has not."),
        Param("dropout_factor", "Dropout", "float", 1.0, 0.0, 10.0, unit="×", live=True,
              help="Multiplies the dropout share of every block, up to a share of 0.95. 1: as "
                   "drawn, 0: off."),
        Param("warmup", "Warm-up", "int", 100, 0, 100_000, unit="steps",
              help="Steps over which the learning rate rises from zero."),
        Param("schedule", "Schedule", "choice", "cosine",
              choices=(("cosine", "Cosine"), ("constant", "Constant"), ("step", "Steps"),
                       ("onecycle", "One cycle"), ("plateau", "On a plateau")),
              help="How the learning rate moves over the run, after the warm-up."),
        Param("final_share", "Cosine ends at", "float", 0.03, 0.0, 1.0,
              help="Share of the learning rate that is left at the end of the budget."),
        Param("decay_every", "Decay every", "int", 1000, 1, 100_000_000, unit="steps",
              help="Steps from one fall of the learning rate to the next."),
        Param("decay_factor", "Decay factor", "float", 0.5, 0.0001, 0.9999,
              help="What a fall multiplies the learning rate by."),
        Param("decay_patience", "Decay patience", "int", 3, 0, 10_000,
              help="Validations without a better one before the learning rate falls, less one."),
        Param("budget", "Budget", "choice", "minutes",
              choices=(("minutes", "Minutes"), ("steps", "Steps")),
              help="What ends a run. Minutes fit the schedule to your computer; steps make a "
                   "run repeatable bit for bit."),
        Param("minutes", "Minutes", "float", 5.0, 0.05, 10_000.0, unit="min",
              help="Training time of a run."),
        Param("steps", "Steps", "int", 2000, 1, 100_000_000,
              help="Training steps of a run."),
        Param("validate_every", "Validate every", "int", 0, 0, 100_000_000, unit="steps",
              help="Steps between validations. 0: whenever 5 % of the time allows one, which "
                   "differs from run to run."),
        Param("stop_patience", "Stop early", "int", 0, 0, 10_000,
              help="Ends the run after so many validations without a better one. 0: never."),
        Param("precision", "Precision", "choice", "auto",
              choices=(("auto", "Fastest, by trial"), ("float32", "float32"),
                       ("bfloat16", "bfloat16 where it helps"), ("float16", "float16 on CUDA")),
              help="Number format of the large products. The trial takes a few real steps."),
        Param("threads", "Threads", "int", 0, 0, 256,
              help="Processor threads. 0 lets a short trial choose."),
        Param("compile", "Compile", "bool", False,
              help="Tries torch.compile in the first steps, which takes a minute, and keeps it "
                   "where it is faster."),
        Param("seed", "Seed", "int", 0, 0, 2**31 - 1,
              help="Start of all random numbers of a run."),
        Param("checkpoints", "Checkpoints kept", "int", 24, 0, 1000,
              help="Older checkpoints that stay, evenly over the run, to fork from. Together "
                   "they take at most 2 GB; the newest and the best always stay."),
    )  # fmt: skip

    ONLY: ClassVar[Mapping[str, tuple[str, frozenset[str]]]] = {
        "minutes": ("budget", frozenset({"minutes"})),
        "steps": ("budget", frozenset({"steps"})),
        "momentum": ("optimizer", frozenset({"sgd"})),
        "beta2": ("optimizer", frozenset({"adamw", "adam"})),
        "final_share": ("schedule", frozenset({"cosine"})),
        "decay_every": ("schedule", frozenset({"step"})),
        "decay_factor": ("schedule", frozenset({"step", "plateau"})),
        "decay_patience": ("schedule", frozenset({"plateau"})),
    }
    """Settings that have an effect only where another one has one of these values."""

    def idle(self) -> frozenset[str]:
        """Return the names of the settings that have no effect with the others."""
        return frozenset(
            name for name, (other, values) in self.ONLY.items()
            if getattr(self, other) not in values
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
