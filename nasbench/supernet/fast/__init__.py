"""The same mixtures with less work on a CPU."""
