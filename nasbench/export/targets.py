"""Every kind of export: how it is written, and how a process without us loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from nasbench.export import check, graphs, plain

Write = Callable[[nn.Module, Tensor, Path, str], Path]
TARGETS: dict[str, tuple[Write, str]] = {
    "py": (plain.write, plain.CHECK),
    "onnx": (graphs.write_onnx, graphs.CHECKS["onnx"]),
    "torchscript": (graphs.write_script, graphs.CHECKS["torchscript"]),
    "pt2": (graphs.write_pt2, graphs.CHECKS["pt2"]),
}


def export(
    target: str, module: nn.Module, folder: Path, words: str, images: Tensor, expected: Tensor
) -> tuple[Path, float]:
    """Write a network, load it without us, and return its path and by how much it differs.

    Args:
        target: one of ``TARGETS``.
        module: the network, in evaluation mode.
        folder: an empty one.
        words: what it is.
        images: a batch; the network is traced with one image less.
        expected: what it must make of the batch.

    Raises:
        UserError: it cannot be written or loaded, or computes something else.
    """
    write, code = TARGETS[target]
    path = write(module, images[:-1], folder, words)
    return path, check.agreement(code, folder, images, expected)
