"""Weight sharing: a space relaxed into one network."""
