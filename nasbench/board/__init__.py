"""The page: a results folder as leaderboards, runs, trials and drawings, live or as static files.

What is shown is read from the disk. Only the notes and tags that a reader gives to a run are
written; nothing in a results folder is run.
"""
