"""What commands print; all of it passes here, so that a file cannot print lines of its own.

Text of files reaches the terminal inside lines of ours. A control character in it could color,
erase or overwrite what stands there, and a line break could forge a line such as ``next:``.
"""

from __future__ import annotations

import typer

from nasbench.api.output import leads, note
from nasbench.errors import printable

__all__ = ["document", "leads", "note", "tell"]


def tell(*lines: str) -> None:
    """Print lines on the standard output, in one process only; each argument stays one line."""
    if leads():
        for line in lines:
            typer.echo(printable(line))


def document(text: str) -> None:
    """Print a text that ends with a newline and whose line breaks are ours, such as a table."""
    if leads():
        typer.echo("\n".join(printable(line, keep="\t") for line in text.split("\n")), nl=False)
