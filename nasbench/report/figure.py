"""The frame of every picture: matplotlib, its settings, and bytes that do not change."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from nasbench.errors import unknown
from nasbench.optional import require

METADATA: dict[str, dict[str, None]] = {
    "svg": {"Creator": None, "Date": None},
    "png": {"Software": None},
}
STYLE = {
    "svg.hashsalt": "nasbench",  # ids that do not change from one drawing to the next
    "svg.fonttype": "none",  # text stays text: to be searched, copied and read aloud
    "font.family": ["sans-serif"],
    "font.size": 10.0,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.usetex": False,
}


def check_format(format: str) -> None:
    """Raise unless pictures can have the format.

    Raises:
        UserError: it is neither ``svg`` nor ``png``.
    """
    if format not in METADATA:
        raise unknown("picture format", format, METADATA)


def drawn(
    fill: Callable[[Any], None],
    format: str,
    size: tuple[float, float],
    what: str,
    dpi: float | None = None,
) -> bytes:
    """Return a picture; the same drawing gives the same bytes with one version of matplotlib.

    Matplotlib's settings are left as they are.

    Args:
        fill: draws into the empty figure.
        format: ``svg`` or ``png``.
        size: width and height in inches.
        what: is being drawn, for the error.
        dpi: dots per inch, matplotlib's own by default.

    Raises:
        UserError: matplotlib is missing.
    """
    matplotlib = require("matplotlib", what)
    figures = require("matplotlib.figure", what)
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=size, layout="constrained", facecolor="white")
        fill(figure)
        made = io.BytesIO()
        figure.savefig(made, format=format, dpi=dpi or "figure", metadata=METADATA[format])
    return made.getvalue()
