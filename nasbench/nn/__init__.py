"""Layers that several packages share."""
