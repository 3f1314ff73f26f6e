"""An export is loaded where ``nasbench`` cannot be imported, and must compute the same."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from torch import Tensor

from nasbench.errors import UserError
from nasbench.optional import require

TOLERANCE = 1e-5  # in float32, of the largest output where that is above 1
_OURS = ("nasbench", "search_spaces", "retrain")


def agreement(code: str, folder: Path, images: Tensor, expected: Tensor) -> float:
    """Return the largest difference of an export's outputs, as a share of the largest above 1.

    Args:
        code: loads the export in ``folder``, and makes ``outputs`` of ``images``.
        folder: of the export.
        images: a batch.
        expected: what the network made of them.

    Raises:
        UserError: the export cannot be loaded, or differs by more than ``TOLERANCE``.
    """
    files = require("safetensors.torch", "an export", "safetensors")
    with tempfile.TemporaryDirectory() as place:
        given, answer = Path(place) / "images", Path(place) / "outputs"
        files.save_file({"images": images.contiguous()}, given)
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
            raise UserError(f"the export in {folder} cannot be loaded by itself: {lines[-1]}")
        outputs = files.load_file(answer)["outputs"]
    scale = max(1.0, float(expected.abs().max()))
    difference = float((outputs - expected).abs().max()) / scale
    if not difference <= TOLERANCE:
        raise UserError(
            f"the export in {folder} computes something else: {difference:.2g} of the largest "
            f"output; {TOLERANCE:g} is allowed"
        )
    return difference


def _program(code: str) -> str:
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in _OURS)
    return (
        f"import sys\n{hidden}"
        "from safetensors.torch import load_file, save_file\n"
        "import torch\n"
        "folder, given, answer = sys.argv[1:]\n"
        "images = load_file(given)['images']\n"
        f"with torch.no_grad():\n{_indented(code)}"
        "save_file({'outputs': outputs.detach().contiguous()}, answer)\n"
    )


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.strip().splitlines())
