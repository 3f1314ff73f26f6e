"""What a run says while it goes on, on the standard error.

Text of files is inside lines of ours: control characters in it are escaped.
"""

from __future__ import annotations

import os
import sys

from nasbench.errors import one_line

LONGEST_NOTE = 2000  # characters


def leads() -> bool:
    """Return whether this process prints, among those of torchrun."""
    return os.environ.get("RANK", "0") == "0"


def note(*lines: str) -> None:
    """Print lines on the standard error, in one process only; each argument stays one line."""
    if leads():
        for line in lines:
            sys.stderr.write(f"{one_line(line, LONGEST_NOTE)}\n")
        sys.stderr.flush()
