"""Tuning of hyperparameters: search spaces in NNI's format, tuners and assessors."""

from nasbench.hpo.refine import refine
from nasbench.hpo.space import Params, SearchSpace

__all__ = ["Params", "SearchSpace", "refine"]
