"""Where to train: the devices of this computer, and whether a model fits on one."""

from __future__ import annotations

import os

import torch

from seqstudio.blocks.check import check, title_of
from seqstudio.blocks.cost import bytes_in_words, largest, total
from seqstudio.blocks.declaration import DataFacts
from seqstudio.core.errors import DeviceError, GraphError
from seqstudio.document.project import Project

EXCESS = 1.5
"""What is refused takes this many times the memory there is: the estimate may be a third off."""


def torch_version() -> str:
    """Return the version of torch."""
    return str(torch.__version__)


def devices() -> tuple[str, ...]:
    """Return the devices that can train here, best first."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def choose_device(wanted: str) -> torch.device:
    """Return the device asked for; "auto" takes CUDA where there is one, else the processor.

    Raises:
        DeviceError: It is not there.
    """
    here = devices()
    if wanted == "auto":
        return torch.device("cuda" if "cuda" in here else "cpu")
    if wanted.split(":", maxsplit=1)[0] not in here:
        raise DeviceError(
            f"There is no device {wanted} here", f"found: {', '.join(here)}", "Use --device auto"
        )
    try:
        return torch.zeros(1, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(
            f"There is no device {wanted} here", f"found: {', '.join(here)}", "Use --device auto"
        ) from error


def cores() -> int:
    """Return the processor cores for this process: several that train together share them."""
    shares = os.environ.get("LOCAL_WORLD_SIZE", "1")
    return max((os.cpu_count() or 1) // max(int(shares) if shares.isdigit() else 1, 1), 1)


def memory_of(device: torch.device) -> int:
    """Return the bytes of memory of a device, 0 where nobody tells."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 0


def refuse_excess(project: Project, facts: DataFacts, device: torch.device) -> None:
    """Refuse a model that cannot fit, before any of its memory is touched.

    Raises:
        GraphError: The graph has an error, or one training step would take far more memory than
            the device has.
    """
    report = check(project.graph, facts)
    report.raise_errors()
    needed = total(project.graph, report).memory(project.training).total
    have = memory_of(device)
    if not have or needed <= EXCESS * have:
        return
    most = largest(project.graph, report, project.training)
    raise GraphError(
        f"One training step would take about {bytes_in_words(needed)} of memory",
        f"{device} has {bytes_in_words(have)}, and most goes into "
        f"{title_of(project.graph.blocks[most])}",
        "Take a smaller batch, a shorter window or a narrower block",
    )
