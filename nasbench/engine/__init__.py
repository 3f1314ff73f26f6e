"""Drives a search from its configuration to a checkpoint."""
