"""Statistics, leaderboard and drawings."""
