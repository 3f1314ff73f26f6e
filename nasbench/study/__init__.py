"""Studies: several runs on one task, from one file to one table."""
