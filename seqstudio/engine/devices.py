"""Where to train: the devices of this computer."""

from __future__ import annotations

import torch

from seqstudio.core.errors import DeviceError


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
