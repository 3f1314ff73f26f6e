"""Hypothesis strategies that change documents, texts and bytes as carelessness or malice would."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

DEEP: Any = None
for _ in range(90):
    DEEP = [DEEP]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 5e-324),
    *(2**31, 2**53, 2**63, 2**64, 10**23, 10**299, 10**400),
    *(float("inf"), float("-inf"), float("nan")),
    *("", " ", "0", "1e5", "nan", "true", "a\0b", "\ud800", "\x1b[2Jx", "a\nnext: b", "é中文"),
    *("x" * 3_000, "../../x", "/dev/zero", "/", "~", "os:system", "json:dumps", "gone.py:Net"),
    *("a.py:b", ":", "=", "|", "[", "%s", "{0}"),
    *([], {}, [[]], [None], {"": None}, [1, 2, 3], {"a": {"b": []}}, ["x"] * 2_000, DEEP),
)
"""What takes the place of a value, a key or an option's value."""

PIECES = (
    *(
        b"",
        b"\0",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\x1b[31m",
        b"\n",
        b"\r\n",
        b"\t",
        b"  ",
    ),
    *(b"(", b")", b"[", b"]", b"{", b"}", b"'", b'"', b",", b":", b"|", b"~", b"#", b"\\", b"-"),
    *(b"[" * 3_000, b"(" * 300, b"-" * 300, b"9" * 5_000, b"01", b"1e400", b"0x", b"NaN"),
    *(b"*a", b"&a [*a]", b"<<: *a", b"!!python/object:x y", b"range(0, 99999999999)"),
    *(b"lambda: 0", b"__import__('os')", b"np.int64(0)", b"\xc3\xa9", b"None", b"x" * 2_000),
)
"""What is put into a text."""


def _paths(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    places = content.items() if isinstance(content, dict) else enumerate(content)
    for place, inner in places:
        if isinstance(inner, dict | list):
            yield from _paths(inner, (*path, place))
        else:
            yield (*path, place)


@st.composite
def documents(draw: st.DrawFn, content: Any) -> Any:
    """Change one to three places of a document of plain values."""
    changed = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        if not isinstance(changed, dict | list):
            return changed
        path = draw(st.sampled_from(list(_paths(changed))[:400]))
        value = copy.deepcopy(draw(st.sampled_from(VALUES)))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return value
            continue
        owner = changed
        for place in path[:-1]:
            owner = owner[place]
        action = draw(st.sampled_from(("replace", "replace", "replace", "drop", "rename", "wrap")))
        if action == "replace":
            owner[path[-1]] = value
        elif action == "drop":
            del owner[path[-1]]
        elif action == "wrap":
            owner[path[-1]] = [owner[path[-1]]]
        elif isinstance(owner, dict):
            owner[str(value)[:5_000]] = owner.pop(path[-1])
    return changed


@st.composite
def spliced(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut pieces out of bytes, repeat some, and put others in, at up to three places."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from((0, 0, 1, 2, 7, 40, len(content))))
        piece = draw(st.sampled_from((*PIECES, content[start : start + 30] * 2)))
        content = content[:start] + piece + content[start + length :]
    return content


@st.composite
def flipped(draw: st.DrawFn, content: bytes) -> bytes:
    """Change single bytes, mostly in the head, and perhaps cut the end off."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        head = min(len(changed), draw(st.sampled_from((16, 64, 1024, len(changed)))))
        if head:
            changed[draw(st.integers(0, head - 1))] = draw(st.integers(0, 255))
    if draw(st.integers(0, 2)) == 0:
        del changed[draw(st.integers(0, len(changed))) :]
    return bytes(changed)


def _json(content: Any) -> bytes:
    try:
        return json.dumps(content, default=str).encode()
    except ValueError:  # 10**400
        return repr(content).replace("'", '"').encode(errors="replace")


def _yaml(content: Any) -> bytes:
    try:
        return yaml.safe_dump(content, allow_unicode=True).encode(errors="surrogatepass")
    except (yaml.YAMLError, ValueError, RecursionError):
        return _json(content)


def json_files(content: Any) -> st.SearchStrategy[bytes]:
    """Return JSON files: three of four have changed values, one has changed text."""
    values = documents(content).map(_json)
    return st.one_of(values, values, values, spliced(_json(content)))


def yaml_files(content: Any) -> st.SearchStrategy[bytes]:
    """Return YAML files: three of four have changed values, one has changed text."""
    values = documents(content).map(_yaml)
    return st.one_of(values, values, values, spliced(_yaml(content)))


def texts(*examples: str) -> st.SearchStrategy[bytes]:
    """Return changed texts of one of the examples."""
    return st.one_of(*(spliced(example.encode()) for example in examples))


def words() -> st.SearchStrategy[str]:
    """Return values of an option on a command line, which holds no NUL byte."""
    plain = [value for value in VALUES if not isinstance(value, list | dict)]
    return st.sampled_from([_word(value) for value in plain] + ["[1, 2]", "{a: 1}", "&a [*a]"])


def _word(value: Any) -> str:
    try:
        return str(value).replace("\0", "")
    except ValueError:  # 10**400
        return "1" + "0" * 400
