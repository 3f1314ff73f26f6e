"""One architecture: an immutable mapping from a choice's label to what was chosen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property

from nasbench.space.domain import Value

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # made once: it is asked often


class Arch(Mapping[str, Value]):
    """What was chosen under each active label.

    Make one with :meth:`nasbench.space.Domains.arch`, which checks it against the space.
    Two are equal when they choose the same, whatever the order of their labels.
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
        """The one JSON text of this architecture: sorted labels, no spaces."""
        return _JSON.encode(self._choices)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that name the architecture."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:8]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arch) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __repr__(self) -> str:
        return f"Arch({self.id}: {self.canonical})"
