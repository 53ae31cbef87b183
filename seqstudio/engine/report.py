"""What torch can do on this computer, as one JSON line: `python -m seqstudio.engine.report`.

A program of its own, so that whoever asks need not load torch and survives if torch does not load.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

GIBIBYTE = 2**30


def torch_report() -> dict[str, Any]:
    """Return version, CPU abilities and devices.

    Keys: "version"; "threads", those of one operation; "cpu", the vector unit that torch's kernels
    use, such as "AVX512"; "bf16", whether the processor multiplies bfloat16 in hardware; "cuda",
    the toolkit's version or None where torch was built without; "devices", one sentence each.
    """
    return {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "bf16": _has_bf16_units(),
        "cuda": torch.version.cuda,
        "devices": _devices(),
    }


def _has_bf16_units() -> bool:
    # Older torch than the tested one may lack the question; then the answer is no.
    abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(abilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


def _devices() -> list[str]:
    found = []
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        memory = card.total_memory / GIBIBYTE
        found.append(f"cuda:{index} {card.name}, {memory:.0f} GiB")
    if torch.backends.mps.is_available():
        found.append("mps, the graphics unit of this Mac")
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(torch_report()) + "\n")
