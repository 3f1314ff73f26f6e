"""Writes architectures in the formats of other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.interop import genotype_text, macro, nasbench201, nni2, nni3, proxyless
from nasbench.interop.foreign import CELLS, DARTS, MACRO, NB201, PROXYLESS
from nasbench.interop.genotype import Genotype, from_choices

Arch = Mapping[str, Any]


def write(form: str, space: str, arch: Arch, arguments: Arch) -> str:
    """Return an architecture as text that ends in a newline.

    Args:
        form: one of ``WRITERS``.
        space: the name of its space in the catalog.
        arch: label to value.
        arguments: of the space.

    Raises:
        UserError: the format is unknown or cannot hold the architecture; the line says why.
    """
    if form not in WRITERS:
        raise unknown("format", form, sorted(WRITERS))
    spaces, writer = WRITERS[form]
    if space not in spaces:
        raise UserError(f"{form} holds architectures of {' or '.join(spaces)}, not of {space}")
    return writer(arch, arguments) + "\n"


def genotype_of(arch: Arch) -> Genotype:
    """Return the genotype of an architecture of ``darts`` or ``darts-cells``."""
    given = arch.get("genotype")
    return from_choices(arch) if given is None else genotype_text.parse(str(given))


def _plain(arch: Arch, arguments: Arch) -> str:
    found = genotype_of(arch)
    if not (found.normal.even and found.reduce.even):
        raise UserError("darts holds nodes of two edges: take fairdarts")
    return str(found)


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=1)


_GENOTYPES, _CELL = (DARTS, CELLS), (NB201,)
WRITERS: dict[str, tuple[tuple[str, ...], Callable[[Arch, Arch], str]]] = {
    "darts": (_GENOTYPES, _plain),
    "gdas": (_GENOTYPES, lambda arch, _: genotype_text.nested(genotype_of(arch))),
    "fairdarts": (_GENOTYPES, lambda arch, _: genotype_text.triples(genotype_of(arch))),
    "nni-2": (_GENOTYPES, lambda arch, _: _as_json(nni2.write(genotype_of(arch)))),
    "nni-3": (_GENOTYPES, lambda arch, more: _as_json(nni3.write(genotype_of(arch), more))),
    "nas-bench-201": (_CELL, lambda arch, _: nasbench201.to_text(arch)),
    "naslib": (_CELL, lambda arch, _: json.dumps(nasbench201.to_indices(arch))),
    "nni-201": (_CELL, lambda arch, _: _as_json(nasbench201.to_keys(arch))),
    "nas-bench-macro": ((MACRO,), lambda arch, _: macro.digits_of(arch)),
    "proxyless": ((PROXYLESS,), lambda arch, _: _as_json(proxyless.write(arch))),
}
