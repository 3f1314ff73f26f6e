"""Networks without open decisions, whose training is tuned: the rival of architecture search."""
