"""A user's mistake, reported in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake the user can mend; the command line prints it in one line and exits with 2.

    The message names the thing, the value and what is allowed.
    """


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
    return UserError(f"unknown {kind} {str(value)!r}: {hint}allowed: {', '.join(names) or 'none'}")
