"""Strategies that suggest architectures and learn from their results."""
