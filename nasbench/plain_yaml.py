"""Reads YAML files of users: plain values only."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from nasbench.errors import UserError


class _Loader(yaml.SafeLoader):
    """Plain values only; a duplicate key is an error, not dropped."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[str]()
        for name, _ in node.value:
            if isinstance(name, yaml.ScalarNode) and name.tag != "tag:yaml.org,2002:merge":
                if name.value in seen:
                    line = name.start_mark.line + 1
                    raise UserError(f"line {line}: {name.value!r} is a duplicate key")
                seen.add(name.value)
        return super().construct_mapping(node, deep)


def read(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        UserError: it cannot be read or parsed, or has a duplicate key; the caller names the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return parse(text)


def parse(text: str) -> Any:
    """Return what a YAML text holds.

    Raises:
        UserError: it cannot be parsed, or has a duplicate key.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise UserError("not YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: such as a date's 13th month
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from error
