"""One output format of the leaderboard per file."""
