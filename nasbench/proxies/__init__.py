"""Zero-cost proxies: what an untrained network tells of its accuracy, one proxy per file."""
