"""Rebuild and train what a search found."""
