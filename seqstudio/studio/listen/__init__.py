"""The Listen page: the tune that the model wrote, seen, heard, measured and saved.

    listen = ListenSession(session, parent=page)    # one for the page; close() it at the end
    PianoRollPanel(session, listen=listen), WritePanel(...), TextPanel(...), MeasuresPanel(...),
    AgesPanel(...)                                   # template_wanted("abc-lstm")

A panel without `listen` makes one of its own, for a picture of it alone.
"""

from seqstudio.studio.listen.ages_panel import AgesPanel
from seqstudio.studio.listen.measures_panel import MeasuresPanel
from seqstudio.studio.listen.roll_panel import PianoRollPanel
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.listen.text_panel import TextPanel
from seqstudio.studio.listen.write_panel import WritePanel

__all__ = [
    "AgesPanel",
    "ListenSession",
    "MeasuresPanel",
    "PianoRollPanel",
    "TextPanel",
    "WritePanel",
]
