"""What a template is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from seqstudio.core.errors import ProjectError
from seqstudio.document.graph import Graph
from seqstudio.document.param import Value
from seqstudio.document.project import Project
from seqstudio.document.settings import DataSettings, SamplingSettings, TrainingSettings

Settings = Mapping[str, Value]
FILES = DataSettings.FROM_TEXTS | DataSettings.FROM_TUNES
"""Kinds of data that can be read from a person's own file or folder."""


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
        family: Heading in the gallery.
        draw: Returns its graph.
        data: Data settings that differ from the defaults.
        own: Data settings that differ on a person's own file, where the task is drawn without.
        training: Training settings that differ.
        sampling: Sampling settings that differ.
    """

    id: str
    title: str
    task: str
    sentence: str
    look: str
    minutes: float
    icon: str
    family: str
    draw: Callable[[], Graph]
    data: Settings = field(default_factory=dict)
    own: Settings = field(default_factory=dict)
    training: Settings = field(default_factory=dict)
    sampling: Settings = field(default_factory=dict)

    def project(self, data_path: str = "") -> Project:
        """Build the project, on the person's own data when a path is given.

        Raises:
            ProjectError: It takes no file.
        """
        own = self.own if data_path else {}
        data = DataSettings.parse({**self.data, **own, "path": data_path})
        if data_path and not data.takes_file:
            raise ProjectError(
                f"{self.id} takes no file", "its data are generated", "Leave --data out"
            )
        return Project(
            graph=self.draw(),
            data=data,
            training=TrainingSettings.parse(self.training),
            sampling=SamplingSettings.parse(self.sampling),
            template=self.id,
        )


ONCE: Settings = {"carry": False, "weight_decay": 0.0, "schedule": "constant"}
"""Training settings of drawn examples: no state to carry, nothing to learn by heart."""

ATTENTIVE: Settings = {
    "learning_rate": 3e-3,
    "batch": 16,
    "beta2": 0.98,
    "weight_decay": 0.1,
    "carry": False,
}
"""Training settings of transformers on text."""
