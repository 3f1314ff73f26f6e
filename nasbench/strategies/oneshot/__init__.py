"""Strategies that share weights in one supernet."""
