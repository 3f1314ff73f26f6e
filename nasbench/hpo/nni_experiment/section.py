"""One level of an experiment file, whose fields are checked when they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from nasbench.errors import UserError, unknown

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class Section:
    """The fields of a mapping in an experiment file.

    As in NNI, ``trial_command`` and ``trialCommand`` are the same field, and a field that is null
    counts as missing.

    Attributes:
        content: the mapping as it is in the file.
        ignored: the given fields that have no effect here, with the section's name.
    """

    def __init__(
        self,
        content: Any,
        file: Path,
        name: str,
        known: str,
        ignored: str = "",
        exact: bool = False,
    ) -> None:
        """Take the mapping, and check that it has no other fields.

        Args:
            content: the value in the file.
            file: for error messages and relative paths.
            name: of the section, empty at the top.
            known: names of the fields that are read, separated by spaces.
            ignored: names of further fields that are allowed.
            exact: whether the names are spelled in one way only, as arguments are.

        Raises:
            UserError: ``content`` is not a mapping, or has an unknown field.
        """
        self._file, self._name = file, name
        if not isinstance(content, dict):
            raise UserError(f"{self.where()}: {content!r:.80} must be a mapping of fields")
        plain: Callable[[object], str] = str if exact else _plain
        spelled = {plain(one): one for one in f"{known} {ignored}".split()}
        for key in content:
            if plain(key) not in spelled:
                raise unknown(f"field in {self.where()}", key, spelled.values())
        self.content = content
        self._fields = {spelled[plain(k)]: v for k, v in content.items() if v is not None}
        prefix = f"{name}." if name else ""
        self.ignored = [prefix + field for field in ignored.split() if field in self._fields]

    def where(self, field: str = "") -> str:
        """Return the file and the field in it, for an error."""
        inside = self._inside(field)
        return f"{self._file}: {inside}" if inside else str(self._file)

    def _inside(self, field: str) -> str:
        return ".".join(part for part in (self._name, field) if part)

    def error(self, field: str, must: str) -> UserError:
        """Return the error for a field that is missing or has a wrong value."""
        value = f"is {self._fields[field]!r:.80}" if field in self._fields else "is missing"
        return UserError(f"{self.where(field)} {value}; it must be {must}")

    def unknown(self, field: str, value: object, allowed: Iterable[str]) -> UserError:
        """Return the error for an unknown name under ``field``.

        Args:
            field: the field's name.
            value: the unknown name.
            allowed: the known names.
        """
        return unknown(f"{self._inside(field)} in {self._file}", value, allowed)

    def refuse(self, *fields: str) -> None:
        """Raise if one of the fields is given and not false.

        Raises:
            UserError: one is.
        """
        for field in fields:
            if self._fields.get(field):
                raise self.error(field, "false or left out: it is not supported")

    def has(self, *fields: str) -> bool:
        """Return whether one of the fields is given."""
        return any(field in self._fields for field in fields)

    def raw(self, field: str) -> Any:
        """Return the value as it is, ``None`` if it is missing."""
        return self._fields.get(field)

    def section(self, field: str, known: str, ignored: str = "", exact: bool = False) -> Section:
        """Return the mapping under ``field``, empty if it is missing.

        Args:
            field: the field's name.
            known: names of the fields that are read, separated by spaces.
            ignored: names of further fields that are allowed.
            exact: whether the names are spelled in one way only, as arguments are.

        Raises:
            UserError: it is not a mapping, or has an unknown field.
        """
        name = f"{self._name}.{field}" if self._name else field
        return Section(self._fields.get(field, {}), self._file, name, known, ignored, exact)

    def text(self, field: str, default: str | None = None) -> str:
        """Return a text that is not empty; an empty one is replaced by the default if any."""
        value = self._fields.get(field)
        value = default if value in (None, "") else value
        if not isinstance(value, str) or not value.strip():
            raise self.error(field, "a text")
        return value

    def whole(self, field: str, low: int, high: int | None = None) -> int:
        """Return a whole number of at least ``low`` and at most ``high``."""
        value = self._fields.get(field)
        if type(value) is not int or value < low or (high is not None and value > high):
            most = "" if high is None else f" and at most {high}"
            raise self.error(field, f"a whole number of at least {low}{most}")
        return value

    def maybe_whole(self, field: str, low: int, high: int | None = None) -> int | None:
        """Return a whole number from ``low`` to ``high``, or ``None`` if it is missing."""
        return self.whole(field, low, high) if self.has(field) else None

    def seconds(self, field: str) -> float | None:
        """Return a duration above 0: ``10s``, ``30m``, ``1h``, ``2d`` or a number of seconds."""
        value = self._fields.get(field)
        if value is None:
            return None
        text = "" if isinstance(value, bool) else str(value).strip().lower()
        unit = _UNITS.get(text[-1:])
        try:
            seconds = float(text) if unit is None else float(text[:-1]) * unit
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise self.error(field, "a duration above 0 like 10s, 30m, 1h, 2d or 3600")
        return seconds

    def file(self, field: str) -> Path:
        """Return a file that exists; a relative path starts at the experiment file's folder."""
        path = self._path(field, self.text(field))
        if not path.is_file():
            raise self.error(field, f"a file, but {path} does not exist")
        return path

    def folder(self, field: str) -> Path:
        """Return a folder that exists, by default the experiment file's own."""
        path = self._path(field, self.text(field, "."))
        if not path.is_dir():
            raise self.error(field, f"a folder, but {path} does not exist")
        return path

    def _path(self, field: str, text: str) -> Path:
        try:
            return (self._file.parent / Path(text).expanduser()).resolve()
        # An unknown user after ~, links in a circle, a NUL byte.
        except (OSError, RuntimeError, ValueError) as error:
            raise self.error(field, f"a path, but it leads nowhere: {error}") from error


def _plain(key: object) -> str:
    return str(key).replace("_", "").lower()
