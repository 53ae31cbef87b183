"""The training clock stands before the first measurement: panels say so and offer to go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqstudio.records.readings import Ints

if TYPE_CHECKING:
    from seqstudio.studio.panels.base import Panel


def offer_first(panel: Panel, steps: Ints) -> bool:
    """Show the empty state of a time before anything was measured; False where it is not so.

    Args:
        panel: Whose empty state it is.
        steps: Training steps that were measured, ascending.
    """
    session = panel.session
    if not len(steps) or session.cursor.step is None or session.step_in_view >= steps[0]:
        return False
    first = int(steps[0])
    how = f"The training clock stands at step {session.step_in_view:,}."
    panel.show_empty("clock", f"The first measurement is of step {first:,}", how)
    panel.empty_action("Go to the first", lambda: session.move_cursor(step=first))
    return True
