"""Tuners: they suggest parameters and learn from the scores; one interface for all."""
