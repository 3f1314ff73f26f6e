"""The training loop with its optimizers, objective and signals."""
