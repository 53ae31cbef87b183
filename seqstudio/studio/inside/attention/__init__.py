"""Attention asked for: alignment, one query, products, rollout, heads off, weights by hand."""
