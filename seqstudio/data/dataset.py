"""What a model learns from: a text in numbers, or a task that draws examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from seqstudio.data.tasks.base import Listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seqstudio.blocks.declaration import Input, Pattern
    from seqstudio.data.tasks.base import Batch, Task
    from seqstudio.data.vocabulary import Vocabulary

Source = Literal["", "ids", "picture"]
Part = Literal["train", "valid"]

# Validation examples and the preview have seeds of their own, so that they are the same in every
# run and never the start of a training stream that somebody seeds with a small number.
_SEEDS: dict[Part, int] = {"train": 0x7EA1_0001, "valid": 0x7EA1_0002}


def _nothing() -> NDArray[np.uint16]:
    return np.empty(0, np.uint16)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A corpus or task, ready to be learnt.

    Attributes:
        title: Name for people.
        origin: One sentence: where it comes from and under which licence.
        pattern: What is asked: the next token at every place, one value or one class a sequence,
            a class at every place, the next values of a series or the next notes.
        input: Numbers of symbols, vectors, or one picture.
        vocabulary: The symbols, where the input is ids.
        vector_width: Numbers a step, where the input is vectors; else 0.
        classes: Names of the classes, where the pattern asks for classes; else ().
        unit: Unit of the loss, such as "nats per character".
        token_name: What one step is called, such as "character".
        chance: Loss, in `unit`, of an answer that looks at nothing: ln V for a uniform guess.
        content_hash: SHA-256 in hex of everything that a model would see.
        train: Numbers of the training symbols (N,) uint16, read-only; empty for a task.
        valid: Numbers of the held-out symbols (M,) uint16, read-only; empty for a task.
        notes: Sentences about what was left out or changed.
        task: Draws the examples where there is no text.
        held_out_task: Draws the validation examples, where they come from a part of its own;
            None leaves them to `task`.
        source: What is read beside the input: "", numbers of symbols, or a picture.
        source_vocabulary: The symbols of the source, where it has any.
        picture: Channels, height and width of the pictures; () without.
        outputs: Numbers that a forecast or the notes predict at a step; else 0.
        padded: Whether rows differ in length and are filled up.
        writes: Numbers of the signs that begin and end a sequence to be written from a source;
            None where nothing is written from one.
        characters: Of the held-out text, where its tokens are longer than one; else 0.
        spelling: Nats to spell the held-out words that the vocabulary lacks.
    """

    title: str
    origin: str
    pattern: Pattern
    input: Input
    unit: str
    token_name: str
    chance: float
    content_hash: str
    vocabulary: Vocabulary | None = None
    vector_width: int = 0
    classes: tuple[str, ...] = ()
    train: NDArray[np.uint16] = field(default_factory=_nothing)
    valid: NDArray[np.uint16] = field(default_factory=_nothing)
    notes: tuple[str, ...] = ()
    task: Task | None = None
    held_out_task: Task | None = None
    source: Source = ""
    source_vocabulary: Vocabulary | None = None
    picture: tuple[int, ...] = ()
    outputs: int = 0
    padded: bool = False
    writes: tuple[int, int] | None = None
    characters: int = 0
    spelling: float = 0.0

    def __post_init__(self) -> None:
        self.train.flags.writeable = False
        self.valid.flags.writeable = False

    @property
    def generated(self) -> bool:
        """Whether examples are drawn by `batch`; else they are cut from `train` and `valid`."""
        return self.task is not None

    def per_character(self, loss: float) -> float:
        """Return a loss per held-out token as one per character; NaN where tokens have none.

        So models compare whatever their tokens are: by the total for the same text, in which
        words that are not known are spelled, see `reading.tokenized.spelling_nats`.
        """
        if self.characters:
            return (loss * len(self.valid) + self.spelling) / self.characters
        of_text = self.pattern == "next token" and self.token_name == "character"
        return loss if of_text else float("nan")

    def batch(self, rng: np.random.Generator, rows: int) -> Batch:
        """Draw `rows` training examples of a generated task."""
        return self._drawn_from().draw(rng, rows)

    def fixed_batches(self, rows: int, count: int) -> tuple[Batch, ...]:
        """Draw the validation examples of a generated task: the same ones at every call."""
        return tuple(self.held_out(rows, count))

    def held_out(self, rows: int = 256, count: int | None = None) -> Iterator[Batch]:
        """Yield the validation examples, at most `rows` at a time, each batch when asked for.

        Args:
            rows: Examples of a batch.
            count: Batches at most. None: the whole part where it is a list, else 8 batches.
        """
        task = self._drawn_from("valid")
        if isinstance(task, Listed):
            yield from islice(task.whole(rows), count)
            return
        rng, count = np.random.default_rng(_SEEDS["valid"]), 8 if count is None else count
        for _ in range(count):
            yield task.draw(rng, rows)

    def preview(self, part: Part, n: int) -> str:
        """Return at most `n` tokens of a part: its beginning, or examples, one a line."""
        if self.generated:
            return self._examples(self._drawn_from(part), part, n)
        ids = self.train if part == "train" else self.valid
        return self.vocabulary.decode(ids[:n]) if self.vocabulary else ""

    def first(self, part: Part) -> Batch:
        """Return the examples that the preview of a part shows."""
        return self._drawn_from(part).draw(np.random.default_rng(_SEEDS[part]), 100)

    def _examples(self, task: Task, part: Part, n: int) -> str:
        batch = self.first(part)
        return "\n".join(task.line(batch, row) for row in range(100))[:n]

    def _drawn_from(self, part: Part = "train") -> Task:
        if self.task is None:
            raise ValueError(f"{self.title} is a text: cut its batches from train and valid")
        return self.held_out_task or self.task if part == "valid" else self.task
