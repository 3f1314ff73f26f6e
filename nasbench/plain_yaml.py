"""Reads YAML files of users: plain values only."""

from __future__ import annotations

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from nasbench import plain_files, plain_json
from nasbench.errors import UserError

MOST = 256 * 2**10
"""Bytes of the largest YAML file that is read, which takes about a second."""

NODES = 100_000
"""Values, lists and mappings of a text once its aliases are replaced by what they stand for."""


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

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > plain_json.DIGITS:
            line = node.start_mark.line + 1
            raise UserError(f"line {line}: the number {node.value[:20]}... is too large")
        return super().construct_yaml_int(node)

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        if self.flow_level >= plain_json.DEEPEST:  # the scanner looks ahead in quadratic time
            raise UserError(f"nested too deeply: at most {plain_json.DEEPEST} levels are read")
        super().fetch_flow_collection_start(token)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def read(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        UserError: it cannot be read, or see :func:`parse`; the caller names the file.
    """
    try:
        text = plain_files.read_text(path, MOST)
    except UserError as error:
        raise UserError(f"cannot be read: {error}") from error
    return parse(text)


def parse(text: str) -> Any:
    """Return what a YAML text holds.

    Raises:
        UserError: it cannot be parsed, has a duplicate key, is nested too deeply, or its aliases
            expand to more than ``NODES`` nodes.
    """
    if len(text) > MOST:
        raise UserError(f"not read: longer than {MOST:,} characters")
    try:
        loader = _Loader(text.removeprefix("\ufeff"))
        node = loader.get_single_node()
        if node is None:
            return None
        if (size := _expanded(node, {})) > NODES:
            raise UserError(f"its aliases expand to {size:.3g} values: at most {NODES:,} are read")
        found = loader.construct_document(node)
    except RecursionError as error:
        raise UserError("not YAML: nested too deeply") from error
    # Besides YAML errors: a date's 13th month, or an empty value that is marked as a number.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from error
    plain_json.check_depth(found)
    return found


def _expanded(node: yaml.Node, known: dict[int, float]) -> float:
    """Return the number of nodes below one, itself included; infinite if it contains itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1.0
    if id(node) not in known:
        known[id(node)] = math.inf  # until its own size is known
        pairs = isinstance(node, yaml.MappingNode)
        inner = [one for pair in node.value for one in pair] if pairs else node.value
        known[id(node)] = 1.0 + sum(_expanded(one, known) for one in inner)
    return known[id(node)]
