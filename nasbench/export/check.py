"""An export is loaded where ``nasbench`` cannot be imported, and must compute the same."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.export.plain import trial
from nasbench.optional import require

TOLERANCE = 1e-5  # in float32, of the largest output where that is above 1
_ROUNDINGS = 4  # times the network's own rounding, where that is above the tolerance
_OURS = ("nasbench", "search_spaces", "retrain")


@dataclass(frozen=True)
class Truth:
    """A network's outputs for a batch, and their rounding error in float32.

    Attributes:
        images: the batch ``(B, *shape)``.
        expected: the outputs in float32.
        rounding: their largest difference from the outputs in float64, relative to the largest
            output if that is above 1; an untrained network of many cells amplifies the rounding
            errors of its first ones.
    """

    images: Tensor
    expected: Tensor
    rounding: float

    @classmethod
    def of(cls, network: nn.Module, images: Tensor) -> Self:
        """Return the outputs of a network in evaluation mode for a batch ``(B, *shape)``."""
        expected = trial(network, images)
        try:
            wide = images.double() if images.is_floating_point() else images
            exact = trial(copy.deepcopy(network).double(), wide)
        except RuntimeError:  # its forward creates float32 tensors
            exact = expected.double()
        return cls(images, expected, _apart(exact, expected))

    @property
    def allowed(self) -> float:
        """The largest difference that an export may have."""
        return max(TOLERANCE, _ROUNDINGS * self.rounding)


def agreement(code: str, folder: Path, truth: Truth) -> float:
    """Return the largest difference of an export's outputs, relative if the largest is above 1.

    Args:
        code: loads the export in ``folder`` and computes ``outputs`` from ``images``.
        folder: of the export.
        truth: the network's outputs for a batch.

    Raises:
        UserError: the export cannot be loaded, or differs by more than is allowed.
    """
    files = require("safetensors.torch", "an export", "safetensors")
    with tempfile.TemporaryDirectory() as place:
        given, answer = Path(place) / "images", Path(place) / "outputs"
        files.save_file({"images": truth.images.contiguous()}, given)
        done = subprocess.run(
            [
                sys.executable,
                "-I",
                "-B",
                "-c",
                _program(code),
                str(folder),
                str(given),
                str(answer),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no word of it"]
            raise UserError(f"the export cannot be loaded by itself: {lines[-1]}")
        outputs = files.load_file(answer)["outputs"]
    difference = _apart(outputs, truth.expected)
    if not difference <= truth.allowed:
        raise UserError(
            f"the export computes something else: outputs differ by {difference:.2g}; "
            f"{truth.allowed:.2g} is allowed"
        )
    return difference


def _apart(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference, relative to the largest value if that is above 1."""
    return float((ours - theirs).abs().max()) / max(1.0, float(theirs.abs().max()))


def _program(code: str) -> str:
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in _OURS)
    indented = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return (
        f"import sys\n{hidden}"
        "from safetensors.torch import load_file, save_file\n"
        "import torch\n"
        "folder, given, answer = sys.argv[1:]\n"
        "images = load_file(given)['images']\n"
        f"with torch.no_grad():\n{indented}"
        "save_file({'outputs': outputs.detach().contiguous()}, answer)\n"
    )
