"""What the page can ask for, by name: the same for the server and for static files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import nasbench
from nasbench.board import detail, drawings
from nasbench.board.files import inside, signature
from nasbench.board.overview import Overview
from nasbench.board.runs import Seen

PLACES = "places"
_PLACE = re.compile(r"place-([0-9]{1,6})")
_KEPT = 4  # runs whose page is looked at
_RUN = re.compile(r"run-([0-9a-f]{12})")


class Library:
    """A results folder and the studies in it.

    Args:
        root: the results folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._overviews: dict[Path, Overview] = {}
        self._made = datetime.now(UTC).isoformat(timespec="seconds")
        self._runs: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._lock = Lock()  # the server answers from several threads

    def data(self, key: str) -> dict[str, Any] | None:
        """Return what is known under ``places``, ``place-ID`` or ``run-KEY``, ready for JSON.

        Returns:
            ``None`` where there is no such thing.
        """
        with self._lock:
            if key == PLACES:
                return self._places()
            if match := _PLACE.fullmatch(key):
                return self._place(int(match[1]))
            if match := _RUN.fullmatch(key):
                return self._run(match[1])
            return None

    def drawing(self, name: str) -> bytes | None:
        """Return a drawing as SVG, ``None`` where there is none of that name."""
        with self._lock:
            found = self._find(name.partition("-")[0])
        return None if found is None else drawings.draw(found[1], self.root, name)

    def known(self) -> Iterator[str]:
        """Yield every key that :meth:`data` knows now."""
        yield PLACES
        for number, overview in enumerate(self._look()):
            yield f"place-{number}"
            yield from (f"run-{run.key}" for run in overview.runs.look() if not run.problem)

    def _look(self) -> list[Overview]:
        """Return the places; one that was seen keeps its number."""
        folder = self.root / "studies"
        studies = sorted(folder.iterdir()) if folder.is_dir() else []
        inner = [path for path in studies if path.is_dir() and inside(path, self.root)]
        for path in (self.root, *inner):
            if path not in self._overviews:
                below = path.relative_to(self.root).as_posix()
                name = self.root.resolve().name + ("" if below == "." else f"/{below}")
                self._overviews[path] = Overview(path, name, self.root)
        return list(self._overviews.values())

    def _places(self) -> dict[str, Any]:
        places = [
            {
                "id": number,
                "path": overview.name,
                "runs": len(overview.runs.paths()),
                "records": overview.count(),
            }
            for number, overview in enumerate(self._look())
        ]
        return {"version": nasbench.__version__, "made": self._made, "places": places}

    def _place(self, number: int) -> dict[str, Any] | None:
        overviews = self._look()
        return overviews[number].content() if number < len(overviews) else None

    def _run(self, key: str) -> dict[str, Any] | None:
        found = self._find(key)
        if found is None:
            return None
        overview, run = found
        overview.read_records()
        record = overview.records.get(run.path.name)
        folds = overview.root / "folds" / f"{run.path.name}.json"
        files = map(signature, (run.path / "checkpoint.json", folds))
        now = (run.signatures, run.status, *files, record)
        if key not in self._runs or self._runs[key][0] != now:
            self._runs.pop(key, None)
            self._runs[key] = (now, detail.content(run, overview.root, self.root, record))
        while len(self._runs) > _KEPT:
            del self._runs[next(iter(self._runs))]
        return self._runs[key][1]

    def _find(self, key: str) -> tuple[Overview, Seen] | None:
        for fresh in (False, True):
            for overview in self._look():
                if fresh:
                    overview.runs.look()
                if run := overview.runs.find(key):
                    return overview, run
        return None
