"""Tasks: images, their shape and classes, and a sealed test set; one data set per file."""
