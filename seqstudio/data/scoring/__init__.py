"""Measures of predictions, as the field of each task defines them. Plain numbers in and out."""
