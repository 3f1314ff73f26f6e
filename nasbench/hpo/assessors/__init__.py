"""Assessors: they end unpromising trials early, behind one interface."""
