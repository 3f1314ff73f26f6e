"""Run folders, journals, states, checkpoints and records."""
