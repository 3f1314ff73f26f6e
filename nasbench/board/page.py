"""The page's own files: one template, scripts and styles, the same live and static."""

from __future__ import annotations

import json
from pathlib import Path

from nasbench.optional import require

FOLDER = Path(__file__).parent / "page"
_TEMPLATE, _SCRIPTS = "index.html", "scripts.json"


def assets() -> dict[str, Path]:
    """Return the scripts and styles by name."""
    suffixes = (".js", ".css")
    return {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in suffixes}


def html(title: str, live: bool) -> str:
    """Return the page, without data.

    Args:
        title: of the window.
        live: whether a server answers it; else its data lie beside it as scripts.
    """
    jinja = require("jinja2", "nasbench board")
    template = jinja.Environment(autoescape=True).from_string((FOLDER / _TEMPLATE).read_text())
    scripts = json.loads((FOLDER / _SCRIPTS).read_text())
    found: str = template.render(title=title, live=live, scripts=scripts)
    return found
