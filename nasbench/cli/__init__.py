"""The command line. Its commands are thin, and none imports torch before it runs."""

from nasbench.cli.app import main

__all__ = ["main"]
