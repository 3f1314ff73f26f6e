"""Reads architectures that other programs wrote; the format is detected."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.interop import genotype_text, macro, nasbench201, nni2, nni3, proxyless
from nasbench.interop.genotype import Genotype, fits_darts, to_choices

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
    content = _json(text)
    fitting = [name for name, (fits, _) in _READERS.items() if fits(text.strip(), content)]
    if form is None and len(fitting) > 1:
        raise UserError(f"it could be {' or '.join(fitting)}: choose with --from")
    chosen = form or (fitting[0] if fitting else None)
    if chosen is not None:
        return _READERS[chosen][1](text.strip(), content)
    if isinstance(content, dict) and content:
        return Foreign("", "", content)
    raise UserError(f"of no known format: {text.strip()[:60]!r}; known: {', '.join(FORMATS)}")


def _json(text: str) -> Any:
    """Return a JSON object or list, else ``None``; NNI's ``{"_value": v, ...}`` becomes ``v``."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    if isinstance(content, dict):
        return {
            key: value["_value"] if isinstance(value, dict) and "_value" in value else value
            for key, value in content.items()
        }
    return content if isinstance(content, list) else None


def _indices(text: str) -> list[Any]:
    """Return the numbers in ``[0, 1, ...]`` or ``(0, 1, ...)``."""
    if not re.fullmatch(r"[\[(][\d\s,]+[\])]", text):
        raise UserError(f"{text[:60]!r}: six numbers in brackets are expected")
    return list(ast.literal_eval(text))


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError("expected a JSON object")
    return content


def _nni3(text: str, content: Any) -> Foreign:
    found, arguments = nni3.read(_object(content))
    return of_genotype(found, NNI3, arguments)


Fits = Callable[[str, Any], bool]
Read = Callable[[str, Any], Foreign]
_READERS: dict[str, tuple[Fits, Read]] = {
    GENOTYPE: (
        lambda text, content: "Genotype(" in text,
        lambda text, content: of_genotype(genotype_text.parse(text), GENOTYPE, {}),
    ),
    NNI2: (
        lambda text, content: isinstance(content, dict) and nni2.recognises(content),
        lambda text, content: of_genotype(nni2.read(_object(content)), NNI2, {}),
    ),
    NNI3: (
        lambda text, content: isinstance(content, dict) and nni3.recognises(content),
        _nni3,
    ),
    NB201: (
        lambda text, content: text.startswith("|"),
        lambda text, content: Foreign(NB201, NB201, nasbench201.parse(text)),
    ),
    NASLIB: (
        lambda text, content: re.fullmatch(r"[\[(][\d\s,]+[\])]", text) is not None,
        lambda text, content: Foreign(NASLIB, NB201, nasbench201.of_indices(_indices(text))),
    ),
    NNI_201: (
        lambda text, content: isinstance(content, dict) and nasbench201.recognises_keys(content),
        lambda text, content: Foreign(NNI_201, NB201, nasbench201.of_keys(_object(content))),
    ),
    MACRO: (
        lambda text, content: macro.recognises(text),
        lambda text, content: Foreign(MACRO, MACRO, macro.arch_of(text)),
    ),
    PROXYLESS: (
        lambda text, content: isinstance(content, dict) and proxyless.recognises(content),
        lambda text, content: Foreign(PROXYLESS, PROXYLESS, proxyless.read(_object(content))),
    ),
}
