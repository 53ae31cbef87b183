"""Torch lives here: graph to module, code, training, probes, sampling."""
