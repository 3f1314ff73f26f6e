"""What an experiment file says about sharing out the GPUs of this machine."""

from __future__ import annotations

from typing import Any

from nasbench.hpo.nni_experiment.section import Section


def read_machine(section: Section, share: str) -> dict[str, Any]:
    """Return what NNI's manager takes, in the names of v2 and without what is not there.

    Args:
        section: ``localConfig`` of v1, or ``trainingService`` of v2.
        share: what the field ``maxTrialNumberPerGpu`` is called there.

    Raises:
        UserError: a field has a wrong value.
    """
    active = section.raw("useActiveGpu")
    if active is not None and not isinstance(active, bool):
        raise section.error("useActiveGpu", "true or false")
    found = {
        "useActiveGpu": active,
        "gpuIndices": _indices(section),
        "maxTrialNumberPerGpu": section.maybe_whole(share, 1),
    }
    return {name: value for name, value in found.items() if value is not None}


def _indices(section: Section) -> list[int] | None:
    """Return the GPUs to use, which may stand there as a list, a text ``0,1``, or one number."""
    value = section.raw("gpuIndices")
    if value is None:
        return None
    items = value if isinstance(value, list) else str(value).split(",")
    texts = [str(item).strip() for item in items]
    if not texts or not all(text.isdecimal() for text in texts) or len({*texts}) < len(texts):
        raise section.error("gpuIndices", "different numbers of GPUs like [0, 1] or 0,1")
    return [int(text) for text in texts]
