"""Faster computation of mixtures on a CPU."""
