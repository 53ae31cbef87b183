"""What flows on each wire, from one real batch: values, their statistics and a small picture.

The weights are those of the trainer where it trains this very graph, else those of a run's last
checkpoint, else the untrained ones that a run would start with. Nothing here changes a model, its
mode or the random numbers of a run. Shape legend: B rows, T time steps, C features.
"""

from seqstudio.engine.peeking.peeker import Peeker, every_wire, untrained
from seqstudio.engine.peeking.quiet import one_thread, own_random_numbers
from seqstudio.engine.peeking.telling import statistics

__all__ = ["Peeker", "every_wire", "one_thread", "own_random_numbers", "statistics", "untrained"]
