"""Tasks: data, shapes, metric and a sealed test set."""
