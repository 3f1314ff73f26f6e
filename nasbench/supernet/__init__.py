"""Supernets: one network with shared weights for all architectures of a space."""
