"""The export formats: how each is written, and how a process without nasbench loads it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from torch import Tensor, nn

from nasbench.data.preprocessing import Preprocessing
from nasbench.errors import UserError
from nasbench.export import check, graphs, plain
from nasbench.export.check import Truth

Write = Callable[[nn.Module, Tensor, Path, str, Preprocessing | None], Path]
TARGETS: dict[str, tuple[Write, str]] = {
    "py": (plain.write, plain.CHECK),
    "onnx": (graphs.write_onnx, graphs.CHECKS["onnx"]),
    "torchscript": (graphs.write_script, graphs.CHECKS["torchscript"]),
    "pt2": (graphs.write_pt2, graphs.CHECKS["pt2"]),
}


def export(
    target: str,
    module: nn.Module,
    folder: Path,
    words: str,
    truth: Truth,
    about: Preprocessing | None = None,
) -> tuple[Path, float]:
    """Write a network, load it without nasbench, and return its path and largest difference.

    Args:
        target: one of ``TARGETS``.
        module: the network, in evaluation mode.
        folder: an empty one.
        words: a description for the file.
        truth: the expected outputs for a batch; the network is traced with one example less.
        about: what the network expects of its inputs, written along if it is known.

    Raises:
        UserError: it cannot be written or loaded, or its outputs differ.
    """
    write, code = TARGETS[target]
    try:
        with _quiet():
            path = write(module, truth.images[:-1], folder, words, about)
    except (UserError, OSError):
        raise
    except Exception as error:  # whatever PyTorch's tracers raise
        line = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{type(module).__name__}: cannot be exported to {target}: {line}"
        ) from error
    return path, check.agreement(code, folder, truth)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what PyTorch's exporters log and print; the error's line says what is wrong."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
