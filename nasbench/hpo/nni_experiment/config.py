"""Read NNI's experiment files of all versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench import plain_yaml
from nasbench.errors import UserError
from nasbench.hpo.nni_experiment.experiment import Experiment
from nasbench.hpo.nni_experiment.v1 import read_v1
from nasbench.hpo.nni_experiment.v2 import read_v2

_ONLY_V1 = ("trainingServicePlatform", "trial", "searchSpacePath")


def read(path: Path) -> Experiment:
    """Return the experiment that a YAML or JSON file of NNI describes.

    Relative paths in it start at its own folder.

    Raises:
        UserError: the file is missing or cannot be parsed, or a field of it is unknown, missing or
            wrong; the line names file, field, value and what is allowed.
    """
    path = path.absolute()
    content = _content(path)
    if any(field in content for field in _ONLY_V1):
        return read_v1(content, path)
    return read_v2(content, path)


def _content(path: Path) -> dict[str, Any]:
    try:
        content = plain_yaml.read(path)
    except UserError as error:
        raise UserError(f"experiment file {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"experiment file {path}: {content!r:.80} must be a mapping of fields")
    return content
