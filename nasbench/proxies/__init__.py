"""Zero-cost proxies: scores of untrained networks that predict their accuracy, one per file."""
