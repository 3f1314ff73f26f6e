"""An architecture from wherever it is: a checkpoint of ours, a file of others, a text, the zoo."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.config import TrainingConfig
from nasbench.engine.problem import load_task
from nasbench.errors import UserError
from nasbench.interop import foreign, genotype_text, zoo
from nasbench.interop.foreign import Foreign
from nasbench.space import Arch, DataSpec, SearchSpace
from nasbench.space.domains import Domains
from nasbench.store.checkpoint import SHAPE, Checkpoint

DEFAULT_TASK = "cifar10"
CIFAR10 = dict(zip(SHAPE, (3, 32, 32, 10), strict=True))
IMPORTED = "imported"


def open_checkpoint(
    given: str,
    form: str | None = None,
    task: str | None = None,
    space: str | None = None,
    data_dir: Path | None = None,
) -> Checkpoint:
    """Return what ``given`` stands for.

    Args:
        given: a run folder or ``checkpoint.json``; a file of another format, ``FILE.py:NAME`` for
            one of several genotypes; ``zoo:NAME``; or the text itself.
        form: one of ``foreign.FORMATS``, where several could be meant.
        task: whose shape the network of a foreign architecture gets; CIFAR-10's by default.
        space: where a foreign file tells labels and values only.
        data_dir: where the task's data lie.

    Raises:
        UserError: there is no such thing, or it cannot be read.
    """
    path, _, name = _split(given)
    if form is None and _is_ours(path):
        return Checkpoint.read(path)
    if given.startswith(zoo.PREFIX):
        found, strategy = foreign.read(zoo.published(given).genotype), given
    elif os.path.isfile(path) or not _is_text(given):  # noqa: PTH113 (a text may be too long)
        found, strategy = _read_file(path, name or None, form), IMPORTED
    else:
        found, strategy = foreign.read(given, form), IMPORTED
    return _checkpoint(found, strategy, task, space, data_dir)


def spec_of(found: Checkpoint) -> DataSpec:
    """Return the shape of a checkpoint's data."""
    return DataSpec(*(found.data[side] for side in SHAPE))


def checked(
    found: Checkpoint, space: str | None = None
) -> tuple[type[SearchSpace], Domains, Arch]:
    """Return a checkpoint's space, its decisions, and its architecture, checked against them.

    Args:
        found: the checkpoint.
        space: where a user's own space is now: ``file.py:Class``.

    Raises:
        UserError: the space may not be run here, or something does not fit it.
    """
    kind = catalog.entry_point("space_of")(found, space)
    (own,) = arguments.split(found.space.get("arguments", {}), space=arguments.of_space(kind))
    try:
        domains = kind.describe(spec_of(found), **own)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"space {found.space['name']}: {error}") from error
    return kind, domains, domains.arch(found.arch)


def _split(given: str) -> tuple[Path, str, str]:
    """Return the path in ``FILE.py:NAME``, and the name."""
    head, colon, name = given.rpartition(":")
    if colon and head.endswith(".py"):
        return Path(head), colon, name
    return Path(given), "", ""


def _is_ours(path: Path) -> bool:
    """Whether it is a run folder, or a file that says it is of our format, of any version."""
    try:
        if path.is_dir():
            return True
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a text may be no path at all
        return False
    return isinstance(content, dict) and "format" in content


def _is_text(given: str) -> bool:
    return any(sign in given for sign in "(|[{") or given.strip().isdigit()


def _read_file(path: Path, name: str | None, form: str | None) -> Foreign:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the checkpoint {path}: {reason}") from error
    try:
        if path.suffix == ".py":
            cells = genotype_text.parse_file(text, name)
            return foreign.of_genotype(cells, foreign.GENOTYPE, {})
        return foreign.read(text, form)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _checkpoint(
    found: Foreign, strategy: str, task: str | None, space: str | None, data_dir: Path | None
) -> Checkpoint:
    name = space or found.space
    if not name:
        raise UserError(
            f"labels and values of an unknown space ({', '.join(list(found.arch)[:3])}, ...): "
            "name it with --space"
        )
    catalog.check("space", name)
    data: dict[str, Any] = dict(CIFAR10)
    if task is not None:
        spec = load_task(TrainingConfig(data_dir=data_dir), task).spec
        data = {side: getattr(spec, side) for side in SHAPE}
    return Checkpoint(
        space={"name": name, "arguments": dict(found.arguments)},
        arch=dict(found.arch),
        data=data,
        strategy={"name": strategy, "options": {"format": found.format}},
        task=task or DEFAULT_TASK,
        seed=0,
        kind="plain",
    )
