"""Units that do not work: dead ReLUs, saturated tanh, gates that are stuck."""

from __future__ import annotations

from seqstudio.runtime import vitals
from seqstudio.runtime.diagnosis.case import (
    Case,
    Finding,
    held,
    percent,
)

DEAD, SATURATED, SHUT = 0.75, 0.9, 0.9
DEAD_SAMPLES = 256
_SHARES = {
    "saturated": "of the values lie beyond ±0.9",
    "shut": "of the units are below 0.1 at every step",
    "open": "of the units are above 0.9 at every step",
}


def dead(case: Case) -> Finding | None:
    """Most ReLU units never switch on."""
    units = [vitals.worst_unit(reading, "dead") for reading in case.health]
    judged = [u is not None and u.dead >= DEAD and u.samples >= DEAD_SAMPLES for u in units]
    unit = units[-1] if units else None
    if unit is None or case.learned or not held(judged):
        return None
    count = round(unit.dead * unit.units)
    return Finding(
        key="dead",
        title="ReLU units are dead",
        evidence=f"{count} of {unit.units} units of {case.title(unit.block)} ({unit.name}) gave 0 "
        f"for all {unit.samples:,} samples of step {case.health[-1].step:,}, and at least "
        f"{percent(DEAD)} of them did at the readings since step {case.health[0].step:,}.",
        why="A ReLU that is off has derivative 0: nothing teaches it to come back. A step that "
        "was too large often throws units there.",
        source="Maas et al. 2013; lecture S57",
        vital="dead",
        since=case.health[0].step,
        block=unit.block,
    )


def saturated(case: Case) -> Finding | None:
    """Nearly all tanh units stand at their ends, or gates shut everything out."""
    if case.learned:  # a memory that holds one bit for sure is saturated, and right
        return None
    for share, bound, names in (
        ("saturated", SATURATED, ""),
        ("shut", SHUT, "input gate"),
        ("shut", SHUT, "output gate"),
        ("shut", SHUT, "forget gate"),
        ("open", SHUT, "keep gate"),
    ):
        units = [vitals.worst_unit(reading, share, names) for reading in case.health]
        unit = units[-1] if units else None
        high = [u is not None and float(getattr(u, share)) >= bound for u in units]
        if unit is not None and held(high):
            value, what = float(getattr(unit, share)), _SHARES[share]
            return Finding(
                key="saturated",
                title="The units are saturated" if not names else "The gates are stuck",
                evidence=f"{case.title(unit.block)}, {unit.name}: {percent(value)} {what}, "
                f"at step {case.health[-1].step:,} as at the readings since step "
                f"{case.health[0].step:,}.",
                why="At the ends tanh and sigmoid are flat: their derivative is nearly 0, so "
                "these units pass no gradient and hardly learn.",
                source="Glorot and Bengio 2010; Karpathy et al. 2015; lecture S52",
                vital="tanh" if share == "saturated" else "shut",
                since=case.health[0].step,
                block=unit.block,
            )
    return None
