"""The standard streams of any terminal: what its encoding lacks is replaced, and a failure kept.

A closed pipe or a full disk behind a stream must neither end a run nor change its exit status.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_ERRORS = "nasbench-plain"
_CORNERS = dict.fromkeys(map(chr, range(0x250C, 0x2580)), "+")
_PLAIN = {
    **_CORNERS,
    **dict.fromkeys("─━┄┅┈┉╌╍═╴╶╸╺╼╾", "-"),
    **dict.fromkeys("│┃┆┇┊┋╎╏║╵╷╹╻╽╿", "|"),
    **dict.fromkeys("‐‑‒–—―−", "-"),  # noqa: RUF001 (dashes and the minus sign)
    **dict.fromkeys("‘’", "'"),  # noqa: RUF001 (quotation marks)
    **dict.fromkeys("“”", '"'),
    **{
        "±": "+/-",
        "×": "x",
        "†": "(published)",
        "Δ": "delta",
        "…": "...",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "\xa0": " ",
    },
}


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return a spelling of what cannot be encoded: an ASCII sign like it, or its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    spelled = (_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking)
    return "".join(spelled), error.end


codecs.register_error(_ERRORS, _plain)


class Output:
    """A standard stream that never fails; the first failure is kept.

    It has no ``buffer``: libraries that look for one would write around it.

    Args:
        stream: where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | ValueError | None = None

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write ``text``, unless a writing has failed before, and return its length."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes str, not {type(text).__name__}")
        if self.failure is None:
            possible = text.encode(self.encoding, _ERRORS).decode(self.encoding)
            try:
                self._stream.write(possible)
            except (OSError, ValueError) as error:  # ValueError: the stream is closed
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless a writing has failed before."""
        if self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._fail(error)

    def _fail(self, error: OSError | ValueError) -> None:
        self.failure = error
        # What the stream still holds must go somewhere, or the interpreter fails at its end.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextlib.contextmanager
def guarded() -> Iterator[Output]:
    """Replace the standard streams by such outputs, and yield the standard output."""
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    out, err = (Output(stream or io.StringIO()) for stream in before)  # no stream if it is closed
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _open_what_is_closed() -> None:
    """Open ``/dev/null`` in place of closed standard streams.

    Else the next file that is opened would take the descriptor, and messages of libraries would
    be written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the smallest free number: this one
