"""What helps when training goes wrong, and what becomes of weights when a graph is edited."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedy:
    """Something that helps after a failure, offered as a button.

    Attributes:
        words: What the button says.
        setting: Setting that it changes, "" for none.
        value: Its new value.
        block: Id of the block whose setting it is, "" for a setting of training.
        back_to: Training step whose checkpoint training goes on from; -1 for the newest.
        anew: A new run begins instead.
    """

    words: str
    setting: str = ""
    value: float = 0.0
    block: str = ""
    back_to: int = -1
    anew: bool = False


@dataclass(frozen=True)
class ApplyGraph:
    """Go on with the run in view on an edited project; what kept its shape keeps what it learned.

    Attributes:
        project: Text of the edited project.
    """

    project: str


@dataclass(frozen=True)
class GraphApplied:
    """An edited graph trains from here on; drawn as a mark on the curves.

    Attributes:
        step: Optimizer steps done before.
        kept: Titles of the blocks that kept weights and optimizer state.
        transferred: Titles of the blocks that got theirs from the block they were opened from.
        fresh: Titles of the blocks that start anew, whole or in part.
        gone: Titles of the blocks that are not there any more.
        parameters: Trainable numbers now.
        project: Text of the project in force.
    """

    step: int
    kept: tuple[str, ...]
    transferred: tuple[str, ...]
    fresh: tuple[str, ...]
    gone: tuple[str, ...]
    parameters: int
    project: str

    def words(self) -> str:
        """Return the lists as sentences: "Kept: Embedding, Head. Starts fresh: LSTM"."""
        lists = {"Kept": self.kept, "Transferred": self.transferred,
                 "Starts fresh": self.fresh, "Gone": self.gone}  # fmt: skip
        return ". ".join(f"{name}: {', '.join(each)}" for name, each in lists.items() if each)
