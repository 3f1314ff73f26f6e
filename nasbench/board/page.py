"""The page's template, scripts and styles, and its export as files without a server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasbench.board.files import packed, text
from nasbench.board.library import Library
from nasbench.optional import require
from nasbench.store.atomic import new_folder

FOLDER = Path(__file__).parent / "page"
MOST_FRAMES = 12  # drawings of the supernet that are exported for one run
_TEMPLATE, _SCRIPTS = "index.html", "scripts.json"


def assets() -> dict[str, Path]:
    """Return the scripts, the licences of those of others, and the styles by name."""
    suffixes = (".js", ".css", ".txt")
    return {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in suffixes}


def html(title: str, live: bool) -> str:
    """Return the page, without data.

    Args:
        title: of the window.
        live: whether a server provides the data; otherwise scripts beside the page do.
    """
    jinja = require("jinja2", "nasbench board")
    template = jinja.Environment(autoescape=True).from_string(
        (FOLDER / _TEMPLATE).read_text("utf-8")
    )
    scripts = json.loads((FOLDER / _SCRIPTS).read_text("utf-8"))
    found: str = template.render(title=title, live=live, scripts=scripts)
    return found


def export(
    root: Path, target: Path, say: Callable[[str], None], published: Path | None = None
) -> None:
    """Write the page of a results folder as files that open from the disk or a web server.

    Args:
        root: the results folder.
        target: a new or an empty folder.
        say: is called with a line if some drawings are missing.
        published: a folder of further results.

    Raises:
        UserError: the target holds files, or cannot be written.
    """
    with new_folder(target) as folder:
        library = Library(root, published)
        for name in ("static", "data", "drawings"):
            (folder / name).mkdir()
        for name, path in assets().items():
            shutil.copyfile(path, folder / "static" / name)
        missing = 0
        for key in library.known():
            content = library.data(key)
            if content is None:
                continue
            if "drawings" in content:  # copied, since the library keeps the original
                frames = [dict(frame) for frame in content["drawings"]]
                missing += _draw(library, frames, folder)
                kept = [frame for frame in frames if frame["cell"] or frame["supernet"]]
                content = {**content, "drawings": kept}
            # ASCII only, so that no encoding can turn a name into code.
            script = f"nasbench.put({json.dumps(key)}, {packed(content)});\n"
            (folder / "data" / f"{key}.js").write_text(script, "utf-8")
        page = html(text(root.resolve().name), live=False)
        (folder / "index.html").write_text(page, "utf-8")
    if missing:
        say(f"{missing} drawings are missing: pip install pygraphviz, or install the program dot")


def _draw(library: Library, frames: list[dict[str, Any]], target: Path) -> int:
    """Write a run's drawings and return how many failed; their addresses become ``None``."""
    kept = set(range(0, len(frames), -(-len(frames) // MOST_FRAMES) or 1)) | {len(frames) - 1}
    missing = 0
    for place, frame in enumerate(frames):
        if place not in kept:
            frame["supernet"] = None
        for kind in ("cell", "supernet"):
            if frame[kind] is None:
                continue
            drawn = library.drawing(Path(frame[kind]).stem)
            if drawn is None:
                missing, frame[kind] = missing + 1, None
            else:
                (target / frame[kind]).write_bytes(drawn)
    return missing
