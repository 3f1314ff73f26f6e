"""The page: a results folder as leaderboards, runs, trials and drawings, live or as static files.

What is shown is read from the disk and never changed; nothing in a results folder is run.
"""
