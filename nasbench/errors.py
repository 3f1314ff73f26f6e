"""A user's mistake, reported in one line; and how any text becomes one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """A mistake the user can mend; the command line prints it in one line and exits with 2.

    The message names the thing, the value and what is allowed.

    Attributes:
        value: of an unknown name: what the user wrote; else ``None``.
        allowed: of an unknown name: the names that exist.
    """

    value: str | None = None
    allowed: tuple[str, ...] = ()

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {one_line(str(self))}"]


def unknown(kind: str, value: object, allowed: Iterable[object]) -> UserError:
    """Return the error for an unknown name, with the nearest names first.

    Args:
        kind: what was named, for example ``"strategy"``.
        value: what the user wrote.
        allowed: the names that exist.
    """
    names = [str(name) for name in allowed]
    near = difflib.get_close_matches(str(value), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    shown = ", ".join(names) or "none"
    error = UserError(f"unknown {kind} {str(value)!r}: {hint}allowed: {shown}")
    error.value, error.allowed = str(value), tuple(names)
    return error


# C0 and C1 controls, other line breaks, marks that reorder text, and halves of surrogates.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LONG = 80  # characters of a value in a message that is too long
_VALUE = re.compile(rf"'[^']{{{_LONG},}}'|\S{{{_LONG},}}")


def printable(text: str, keep: str = "") -> str:
    r"""Return ``text`` with control characters and line breaks as ``\\u001b`` and ``\\n``.

    Args:
        text: may hold anything, such as a value from a file.
        keep: control characters that stay.
    """

    def escape(found: re.Match[str]) -> str:
        one = found[0]
        if one in keep:
            return one
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(one, f"\\u{ord(one):04x}")

    return _CONTROL.sub(escape, text)


def one_line(text: str, longest: int = 500) -> str:
    """Return a message as one printable line: long values are cut first, then its middle.

    Args:
        text: the message.
        longest: characters that it may have.
    """
    text = printable(" ".join(text.splitlines()))
    if len(text) > longest:
        text = _VALUE.sub(lambda found: shortened(found[0], _LONG), text)
    return shortened(text, longest)


def shortened(text: str, longest: int) -> str:
    """Return ``text`` without its middle if it is longer than ``longest`` characters."""
    if len(text) <= longest:
        return text
    end = (longest - 3) // 3
    return f"{text[: longest - 3 - end]}...{text[len(text) - end :]}"
