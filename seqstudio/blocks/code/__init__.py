"""The PyTorch module that a graph is, as readable source that needs only torch.

The layers' source is taken verbatim from `seqstudio/engine/layers/`, read as text (nothing is
imported or run), so what a person takes home is what trains here.
"""

from seqstudio.blocks.code.lines import Code
from seqstudio.blocks.code.module import model_code
from seqstudio.blocks.code.weights import plain_names

__all__ = ["Code", "model_code", "plain_names"]
