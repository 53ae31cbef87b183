"""The Data panel and what belongs to it: opening a file, the tabs of the panel, getting data."""

from seqstudio.studio.panels.data.panel import DataPanel

__all__ = ["DataPanel"]
