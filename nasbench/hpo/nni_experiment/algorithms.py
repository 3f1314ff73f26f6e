"""The tuner and the assessor that an experiment file names, out of all of NNI 3.0.

Which of them run here is for :mod:`nasbench.hpo.names` to say; NNI's own manager may run others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nasbench.hpo.names import ASSESSORS, TUNERS, UNAVAILABLE
from nasbench.hpo.nni_experiment.section import Section

_ALLOWED = {
    "tuner": (*TUNERS, *UNAVAILABLE),
    "advisor": ("Hyperband", "BOHB"),  # v2 calls them tuners too
    "assessor": tuple(ASSESSORS),
}
_ALIASES = {
    f"{name}Tuner".lower(): name for name in ("PPO", "Batch", "Metis", "GP", "PBT", "DNGO")
}
_MODES = ("minimize", "maximize")
# What a tuner does whose classArgs have no optimize_mode; the others maximize. An assessor goes
# where the tuner goes.
_MINIMIZE = ("TPE", "TPE_legacy", "Anneal")
_NEITHER = ("Random", "GridSearch", "Batch", "PPO", *_ALLOWED["assessor"])
_FIELDS = {  # by version: those of the user's own algorithms, and those ignored
    1: ("codeDir classFileName className", "includeIntermediateResults gpuIndices"),
    2: ("codeDirectory className", ""),
}


@dataclass(frozen=True)
class Algorithm:
    """A tuner or an assessor.

    Attributes:
        name: as NNI spells it.
        arguments: its ``classArgs``.
        mode: its ``optimize_mode``, the default of NNI's tuner where the file has none; ``None``
            for what has no direction.
        ignored: fields of it that nobody heeds.
    """

    name: str
    arguments: dict[str, Any]
    mode: str | None
    ignored: list[str]


def read_algorithms(top: Section, version: int) -> tuple[Algorithm, Algorithm | None]:
    """Return the tuner, or the advisor in its place, and the assessor if there is one.

    Args:
        top: the fields of the file.
        version: of its schema, 1 or 2.

    Raises:
        UserError: there is no tuner or there are two, NNI has no such algorithm, or tuner and
            assessor optimize in different directions.
    """
    found = {kind: _algorithm(top, kind, version) if top.has(kind) else None for kind in _ALLOWED}
    tuner, advisor, assessor = found["tuner"], found["advisor"], found["assessor"]
    if tuner and advisor:
        raise top.error("advisor", "left out where there is a tuner")
    chosen = tuner or advisor
    if chosen is None:
        raise top.error("tuner", "a mapping that names one")
    if assessor and assessor.mode and chosen.mode and assessor.mode != chosen.mode:
        raise top.error("assessor", f"of the tuner's optimize_mode, which is {chosen.mode}")
    return chosen, assessor


def _algorithm(top: Section, kind: str, version: int) -> Algorithm:
    field = f"builtin{kind.title()}Name" if version == 1 else "name"
    own, ignored = _FIELDS[version]
    section = top.section(kind, f"{field} classArgs {own}", ignored)
    if section.has("className"):
        raise section.error("className", f"left out: only NNI's own run here, by their {field}")
    name = section.text(field)
    spelled = {one.lower(): one for one in _ALLOWED[kind]}
    if kind == "tuner":
        spelled |= _ALIASES
    if name.lower() not in spelled:
        raise section.unknown(field, name, _ALLOWED[kind])
    name = spelled[name.lower()]
    arguments = section.mapping("classArgs")
    mode = arguments.get("optimize_mode", _default_mode(name))
    if mode not in (None, *_MODES):
        raise section.unknown("classArgs.optimize_mode", mode, _MODES)
    return Algorithm(name, arguments, mode, section.ignored)


def _default_mode(name: str) -> str | None:
    if name in _NEITHER:
        return None
    return "minimize" if name in _MINIMIZE else "maximize"
