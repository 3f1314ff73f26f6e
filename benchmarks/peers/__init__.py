"""Those whose steps are timed beside each other, each in a process of its own."""
