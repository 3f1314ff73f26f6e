"""Tabular benchmarks: searches that look finished trainings up instead of running them."""
