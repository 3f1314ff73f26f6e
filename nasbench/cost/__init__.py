"""The cost of a network: parameters, multiply-adds, depth, latency, memory."""
