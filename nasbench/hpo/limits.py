"""Limits of the options of tuners and assessors."""

from __future__ import annotations

from nasbench.errors import UserError, unknown


def at_least(options: object, low: float, *names: str) -> None:
    """Raise unless the options called ``names`` are ``low`` or more.

    Raises:
        UserError: one is smaller.
    """
    for name in names:
        value = getattr(options, name)
        if not value >= low:
            raise UserError(f"-o {name}={value}: must be at least {low:g}")


def within(options: object, low: float, high: float, *names: str) -> None:
    """Raise unless the options called ``names`` lie from ``low`` to ``high``.

    Raises:
        UserError: one lies outside.
    """
    for name in names:
        value = getattr(options, name)
        if not low <= value <= high:
            raise UserError(f"-o {name}={value}: must be from {low:g} to {high:g}")


def one_of(options: object, name: str, allowed: tuple[str, ...]) -> None:
    """Raise unless the option called ``name`` is one of ``allowed``.

    Raises:
        UserError: it is not.
    """
    value = getattr(options, name)
    if value not in allowed:
        raise unknown(f"value of -o {name}", value, allowed)
