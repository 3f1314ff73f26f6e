"""The published results: records, tables and studies that come with nasbench."""

from __future__ import annotations

from pathlib import Path

from nasbench.errors import UserError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE.parent / "results" / "published", _PACKAGE / "published")


def folder() -> Path:
    """Return the folder of the published results, of the checkout or of the installed package.

    Raises:
        UserError: this installation lacks them.
    """
    for place in _PLACES:
        if (place / "records").is_dir():
            return place
    raise UserError(
        f"the published results are missing: neither {_PLACES[0]} nor {_PLACES[1]} holds records; "
        "install nasbench-workbench again"
    )
