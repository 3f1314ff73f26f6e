"""Tuners: they suggest parameters and learn from the scores, behind one interface."""
