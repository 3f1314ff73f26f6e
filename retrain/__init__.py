"""Rebuilds and trains the architecture that a search found."""
