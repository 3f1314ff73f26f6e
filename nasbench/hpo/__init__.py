"""Tuning of hyperparameters: search spaces in NNI's format, tuners and assessors."""
