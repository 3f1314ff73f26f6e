"""The file of a search space, read as plain values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nasbench import plain_yaml
from nasbench.errors import UserError


def read_content(path: Path) -> Any:
    """Return what is in a JSON file; YAML where its name ends in ``.yml`` or ``.yaml``.

    Raises:
        UserError: the file is missing or cannot be parsed, or a JSON object has a name twice.
    """
    where = f"search space {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{where}: cannot be read: {reason}") from error
    return (_yaml if path.suffix in (".yml", ".yaml") else _json)(text, where)


def _json(text: str, where: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise UserError(f"{where}: {name!r} stands there twice")
            found[name] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON: {error}") from error


def _yaml(text: str, where: str) -> Any:
    try:
        return plain_yaml.parse(text)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
