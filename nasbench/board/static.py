"""The page as files that open from the disk or from any web server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasbench.board import page
from nasbench.board.files import packed, text
from nasbench.board.library import Library
from nasbench.store.atomic import check_empty, telling_what_failed

MOST_FRAMES = 12  # drawings of the supernet that are written of one run


def export(root: Path, target: Path, say: Callable[[str], None]) -> None:
    """Write the page of a results folder.

    Args:
        root: the results folder.
        target: a new or an empty folder.
        say: is told what could not be drawn.

    Raises:
        UserError: the target holds files, or cannot be written.
    """
    check_empty(target)
    library = Library(root)
    with telling_what_failed(target):
        for name in ("static", "data", "drawings"):
            (target / name).mkdir(parents=True, exist_ok=True)
        for name, path in page.assets().items():
            shutil.copyfile(path, target / "static" / name)
        missing = 0
        for key in library.known():
            content = library.data(key)
            if content is not None:
                if "drawings" in content:  # its own copy: the library keeps what it tells
                    frames = [dict(frame) for frame in content["drawings"]]
                    content = {**content, "drawings": frames}
                    missing += _draw(library, content, target)
                (target / "data" / f"{key}.js").write_text(script(key, content), "utf-8")
        (target / "index.html").write_text(
            page.html(text(root.resolve().name), live=False), "utf-8"
        )
    if missing:
        say(f"{missing} drawings are missing: pip install pygraphviz, or install the program dot")


def script(key: str, content: dict[str, Any]) -> str:
    """Return a script that hands the page its data."""
    # ASCII only, so that no encoding can turn a name into code.
    return f"nasbench.put({json.dumps(key)}, {packed(content)});\n"


def _draw(library: Library, content: dict[str, Any], target: Path) -> int:
    """Write a run's drawings, leave out of its data those that are not, and count the failures."""
    frames = content["drawings"]
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
    content["drawings"] = [frame for frame in frames if frame["cell"] or frame["supernet"]]
    return missing
