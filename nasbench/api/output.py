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


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook, which shows HTML."""
    shell = sys.modules.get("IPython")
    current = shell.get_ipython() if shell is not None else None
    return type(current).__name__ == "ZMQInteractiveShell"


def note(*lines: str) -> None:
    """Print lines on the standard error, in one process only; each argument stays one line.

    A notebook shows them as plain output: what is on its standard error looks like a mistake.
    """
    if not leads():
        return
    text = "".join(f"{one_line(line, LONGEST_NOTE)}\n" for line in lines)
    if in_notebook():
        sys.stdout.write(text)
    else:
        sys.stderr.write(text)
        sys.stderr.flush()
