"""Reads architectures that other programs wrote; the format is detected."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasbench import plain_json
from nasbench.errors import UserError, unknown
from nasbench.interop import genotype_text, macro, nasbench201, nni2, nni3, proxyless, unread
from nasbench.interop.genotype import Genotype, fits_darts, to_choices
from nasbench.interop.python_text import BOM, literal, shown

GENOTYPE, NNI2, NNI3 = "genotype", "nni-2", "nni-3"
NB201, NASLIB, NNI_201 = "nas-bench-201", "naslib", "nni-201"
MACRO, PROXYLESS = "nas-bench-macro", "proxyless"
FORMATS = (GENOTYPE, NNI2, NNI3, NB201, NASLIB, NNI_201, MACRO, PROXYLESS)
DARTS, CELLS = "darts", "darts-cells"
SEARCHED = {*nni2.OPERATIONS.values()}  # what the DARTS space has on an edge
NODES = 4  # of its cells by default


@dataclass(frozen=True)
class Foreign:
    """An architecture from another program.

    Attributes:
        format: one of ``FORMATS``; ``""`` if labels and values are taken as they are.
        space: the name of its space; ``""`` if the user must name it.
        arch: label to value.
        arguments: of the space.
    """

    format: str
    space: str
    arch: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def of_genotype(found: Genotype, format: str, arguments: Mapping[str, Any]) -> Foreign:
    """Return a genotype in the DARTS space, or as fixed cells if that space cannot hold it.

    Args:
        found: the genotype.
        format: one of ``FORMATS``.
        arguments: of the space, from the file.
    """
    ops = {op for op, _ in found.normal.pairs + found.reduce.pairs}
    if not (fits_darts(found) and ops <= SEARCHED):
        text = str(found)
        return Foreign(format, CELLS, {"genotype": text}, {**arguments, "genotype": text})
    nodes = len(found.normal.nodes)
    more = {} if nodes == NODES else {"nodes": nodes}
    return Foreign(format, DARTS, to_choices(found), {**arguments, **more})


def read(text: str, form: str | None = None) -> Foreign:
    """Return the architecture in a text: a genotype, a cell, digits, or JSON of a known format.

    Args:
        text: from a file or the command line.
        form: one of ``FORMATS``; detected by default.

    Raises:
        UserError: no format fits, several do, or a value is invalid.
    """
    if form is not None and form not in FORMATS:
        raise unknown("format", form, FORMATS)
    text = text.removeprefix(BOM).strip()
    found = _parsed(text)
    content = _plain(found)
    fitting = [name for name, (fits, _) in _READERS.items() if fits(text, content)]
    if form is None and len(fitting) > 1:
        raise UserError(f"it could be {' or '.join(fitting)}: choose with --from")
    chosen = form or (fitting[0] if fitting else None)
    if chosen is not None:
        return _READERS[chosen][1](text, content)
    if (line := unread.what(text, found)) is not None:
        raise UserError(line)
    if isinstance(content, dict) and content and all(map(_is_value, content.values())):
        return Foreign("", "", content)
    raise UserError(f"of no known format: {shown(text)!r}; known: {', '.join(FORMATS)}")


def _parsed(text: str) -> Any:
    """Return the object or list in JSON or in a Python literal, else ``None``."""
    try:
        content = plain_json.parse(text)
    except UserError:
        content = literal(text) if re.match(r"[{\[(]|[\w.]*array\(", text) else None
    return content if isinstance(content, dict | list | tuple) else None


def _plain(content: Any) -> Any:
    """Return the content, NNI's ``{"_value": v, ...}`` as ``v``."""
    if not isinstance(content, dict):
        return content
    return {
        str(key): value["_value"] if isinstance(value, dict) and "_value" in value else value
        for key, value in content.items()
    }


def _is_value(value: Any) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(one, str | int | float) for one in items)


_NUMBERS = re.compile(r"([\[(])\s*([\d\s,]+?)[\s,]*([\])])")


def _is_numbers(text: str, content: Any) -> bool:
    """Return whether this is a list of whole numbers, also as numpy prints them, ``[2 1 4]``."""
    listed = isinstance(content, list | tuple) and all(type(one) is int for one in content)
    return listed or _NUMBERS.fullmatch(text) is not None


def _numbers(text: str, content: Any) -> list[Any]:
    """Return the numbers in a list, which may be separated by blanks.

    Raises:
        UserError: the brackets do not match, or one is no number.
    """
    if isinstance(content, list | tuple):
        return list(content)
    found = _NUMBERS.fullmatch(text)
    if found is None or found[1] + found[3] not in ("[]", "()"):
        raise UserError(f"{shown(text)!r}: six numbers in brackets are expected")
    words = re.split(r"[\s,]+", found[2])
    for word in words:
        if not re.fullmatch(r"0|[1-9]\d{0,8}", word):
            raise UserError(f"{shown(text)!r}: {shown(word)!r} is no whole number from 0 to 4")
    return [int(word) for word in words]


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError("expected a JSON object")
    return content


def _genotype(text: str, content: Any) -> Genotype:
    return (
        genotype_text.of_fields(content)
        if isinstance(content, dict)
        else genotype_text.parse(text)
    )


def _nni3(text: str, content: Any) -> Foreign:
    found, arguments = nni3.read(_object(content))
    return of_genotype(found, NNI3, arguments)


Fits = Callable[[str, Any], bool]
Read = Callable[[str, Any], Foreign]
_READERS: dict[str, tuple[Fits, Read]] = {
    GENOTYPE: (
        lambda text, content: (
            "Genotype(" in text
            or (isinstance(content, dict) and genotype_text.recognizes(content))
        ),
        lambda text, content: of_genotype(_genotype(text, content), GENOTYPE, {}),
    ),
    NNI2: (
        lambda text, content: isinstance(content, dict) and nni2.recognizes(content),
        lambda text, content: of_genotype(nni2.read(_object(content)), NNI2, {}),
    ),
    NNI3: (
        lambda text, content: isinstance(content, dict) and nni3.recognizes(content),
        _nni3,
    ),
    NB201: (
        lambda text, content: text.startswith("|"),
        lambda text, content: Foreign(NB201, NB201, nasbench201.parse(text)),
    ),
    NASLIB: (
        _is_numbers,
        lambda text, content: Foreign(
            NASLIB, NB201, nasbench201.of_indices(_numbers(text, content))
        ),
    ),
    NNI_201: (
        lambda text, content: isinstance(content, dict) and nasbench201.recognizes_keys(content),
        lambda text, content: Foreign(NNI_201, NB201, nasbench201.of_keys(_object(content))),
    ),
    MACRO: (
        lambda text, content: macro.recognizes(text),
        lambda text, content: Foreign(MACRO, MACRO, macro.arch_of(text)),
    ),
    PROXYLESS: (
        lambda text, content: isinstance(content, dict) and proxyless.recognizes(content),
        lambda text, content: Foreign(PROXYLESS, PROXYLESS, proxyless.read(_object(content))),
    ),
}
