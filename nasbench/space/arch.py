"""Arch: an immutable mapping from the label of a choice to its value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property

from nasbench.space.domain import Value

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # shared for speed


class Arch(Mapping[str, Value]):
    """An architecture: the value of each active label.

    Create one with :meth:`nasbench.space.Domains.arch`, which validates it against the space.
    Equality ignores the order of the labels.

    Args:
        choices: label to value.
    """

    def __init__(self, choices: Mapping[str, Value]) -> None:
        self._choices = dict(choices)

    def __getitem__(self, label: str) -> Value:
        return self._choices[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._choices)

    def __len__(self) -> int:
        return len(self._choices)

    @cached_property
    def canonical(self) -> str:
        """The canonical JSON text: sorted labels, no spaces."""
        return _JSON.encode(self._choices)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that identify the architecture."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:8]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arch) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __repr__(self) -> str:
        return f"Arch({self.id}: {self.canonical})"
