"""Whose code may run: a file from elsewhere is data, and code that it names must be known here.

A checkpoint, a run folder, a search space, a study or a configuration file may name a user's own
code. While a command runs, such code is executed only if the user typed its name on the command
line, now or once before on this machine, and the code is still the very same text. The same holds
for the places that a run folder names: a data folder, a Ray cluster. What was typed is remembered
as empty files called by their SHA-256.

A program that imports nasbench is code of the user already: what it names is the user's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from importlib.machinery import PathFinder
from itertools import pairwise
from pathlib import Path
from typing import Any

from nasbench.errors import UserError

PLACES = ("data_dir", "engine", "address", "task", "weights")
"""Options that say where a run reads data and computes; a file's are not followed blindly."""

_PATHS = ("data_dir", "weights")

_words: Sequence[str] | None = None  # of the command line, while a command runs


@contextlib.contextmanager
def typed(words: Sequence[str]) -> Iterator[None]:
    """Run a command: until it ends, only code that its words name, or that is known, may run.

    Args:
        words: the command line.
    """
    global _words
    before, _words = _words, tuple(words)
    try:
        yield
    finally:
        _words = before


def source(name: str) -> bytes:
    """Return what identifies the code behind a name.

    Args:
        name: ``file.py:Name``: the file's content; ``package.module:Name``: the module's name,
            place and content; ``file.yml:trial``, an NNI experiment: its place and content.

    Raises:
        OSError: the file cannot be read.
    """
    where = name.rpartition(":")[0]
    if where.endswith(".py"):
        return Path(where).read_bytes()
    if where.endswith((".yml", ".yaml")):  # its command runs what lies beside it
        return f"{Path(where).resolve()}\n".encode() + Path(where).read_bytes()
    origin = origin_of(where)
    text = origin.read_bytes() if origin is not None and origin.is_file() else b""
    return f"module {name} {origin}\n".encode() + text


def fingerprint(name: str) -> str:
    """Return the SHA-256 of :func:`source`: for ``file.py:Name`` that of the file.

    Raises:
        OSError: the file cannot be read.
    """
    return hashlib.sha256(source(name)).hexdigest()


def remember(name: str) -> None:
    """Remember that the user named this code."""
    with contextlib.suppress(OSError, ValueError):
        _remember(fingerprint(name))


def known(name: str) -> bool:
    """Return whether the user has named this code, now or before, as it is now."""
    if _words is not None and _is_typed(name, _words):
        return True
    try:
        return _is_remembered(fingerprint(name))
    except (OSError, ValueError):  # ValueError: a NUL in its path
        return False


def may_run(name: str, content: bytes) -> bool:
    """Return whether code may run: no command restricts it, or the user named it, now or before.

    Args:
        name: of the code.
        content: its :func:`source`, read once, so that what is checked is what runs.
    """
    digest = hashlib.sha256(content).hexdigest()
    if _words is None or _is_typed(name, _words):
        _remember(digest)
        return True
    return _is_remembered(digest)


def check_places(config: Mapping[str, Any], given: Container[str] = ()) -> None:
    """Raise if options in a file name a place that this user never named on this machine.

    Args:
        config: options by name, as a file has them; other options than :data:`PLACES` are
            passed over.
        given: names of the options that the user gives in their place.

    Raises:
        UserError: the message names the flag to give.
    """
    for name in PLACES:
        value = config.get(name)
        if value is None or name in given or (name == "engine" and value == "local"):
            continue
        if not _is_remembered(_place(name, value)):
            spelled = "--" + name.replace("_", "-")
            raise UserError(
                f"{spelled} {value}: a file names it, and you never did: give {spelled} yourself"
            )


def check_cluster(address: str | None) -> None:
    """Raise if a file names a Ray cluster that the user never named: it runs code in here.

    Raises:
        UserError: the message names the flag to give.
    """
    if _words is None or address is None:
        return
    words = list(_words)
    if ("--address", address) not in pairwise(words) and f"--address={address}" not in words:
        check_places({"address": address})


def remember_places(config: Mapping[str, Any]) -> None:
    """Remember the places of a run, so that it can be continued without naming them again."""
    for name in PLACES:
        if config.get(name) is not None:
            _remember(_place(name, config[name]))


def _is_typed(name: str, words: Sequence[str]) -> bool:
    """Return whether a word is the name, or holds it, as ``a.py:A,b.py:B`` and ``key=a.py:A``."""
    alone = re.compile(rf"(?:^|[=,\s\[]){re.escape(name)}(?:$|[=,\s\]])")
    return any(alone.search(word) for word in words)


def origin_of(module: str) -> Path | None:
    """Return the file of a module without importing it or its packages, or ``None``."""
    path, spec, parts = None, None, module.split(".")
    for depth in range(1, len(parts) + 1):
        try:
            spec = PathFinder.find_spec(".".join(parts[:depth]), path)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec is not None and spec.origin else None


def _place(name: str, value: Any) -> str:
    text = str(Path(value).absolute()) if name in _PATHS else str(value)
    return hashlib.sha256(f"{name} {text}".encode(errors="surrogateescape")).hexdigest()


def _remember(digest: str) -> None:
    # Where nothing can be written, the user has to name the code again; no reason to stop now.
    with contextlib.suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        (_folder() / digest).touch()


def _is_remembered(digest: str) -> bool:
    try:
        return (_folder() / digest).exists()
    except OSError:
        return False


def _folder() -> Path:
    """Return the folder of what was named; never one that depends on the working folder.

    Raises:
        OSError: this user has no home.
    """
    return cache_folder() / "known-code"


def cache_folder() -> Path:
    """Return the folder in which this user's commands keep what they learned.

    Raises:
        OSError: this user has no home.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        try:
            cache = Path.home() / ".cache"
        except RuntimeError as error:
            raise FileNotFoundError("no home folder") from error
    return cache / "nasbench"
