"""The options of a study's entries as its file writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nasbench.errors import UserError

# The study or its command line says these.
NOT_OPTIONS = ("seed", "out", "device", "data_dir", "task", "strategy", "model")
# Arguments stand under "options", and a search space under "search_space".
WRITTEN_ELSEWHERE = (
    "strategy_options",
    "tuner_options",
    "assessor_options",
    "space_arguments",
    "space_content",
)


def dashed(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return options by their names, in which a dash is an underscore.

    Raises:
        UserError: an option is there with a dash and with an underscore.
    """
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name in found:
            raise UserError(f"{key}: stands there twice")
        found[name] = value
    return found


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """Let a search space stand in the study itself, and a number be a budget."""
    if type(budget := options.get("budget")) in (int, float):
        options = {**options, "budget": f"{budget:.15g}"}
    space = options.get("search_space")
    if isinstance(space, dict):
        return {**options, "search_space": None, "space_content": space}
    return options


def percent(reported: Any) -> float | None:
    """Return a figure from elsewhere.

    Raises:
        UserError: it is no finite number.
    """
    if reported is None:
        return None
    if type(reported) not in (int, float) or not math.isfinite(reported):
        raise UserError(f"reported {reported!r}: must be a number, percent")
    return float(reported)


def check_places(options: Iterable[str]) -> None:
    """Raise where an option is not an entry's, or is written elsewhere.

    Raises:
        UserError: it is named, and where it is written.
    """
    for option in options:
        if option in NOT_OPTIONS:
            raise UserError(f"{option}: is the study's, not an entry's")
        if option in WRITTEN_ELSEWHERE:
            where = "search_space" if option == "space_content" else "options"
            raise UserError(f"{option}: write what is in it under {where!r}")
