"""Assessors: they end trials early that promise nothing; one interface for all."""
