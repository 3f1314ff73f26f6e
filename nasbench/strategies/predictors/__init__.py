"""Performance predictors: architectures with scores -> the scores of others; one per file."""
