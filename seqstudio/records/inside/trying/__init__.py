"""What a person gives a model to try it, and what it makes of it; a module for each kind."""

from __future__ import annotations

from seqstudio.records.inside.trying import distance, sentence

MODULES = (distance, sentence)
