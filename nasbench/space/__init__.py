"""Search spaces and their choices."""
