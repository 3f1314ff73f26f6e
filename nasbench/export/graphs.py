"""Exports a network as a graph: ONNX, TorchScript, torch.export."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasbench.optional import require

ONNX, SCRIPT, PT2 = "network.onnx", "network.torchscript", "network.pt2"


def write_onnx(network: nn.Module, example: Tensor, folder: Path, words: str) -> Path:
    """Write ONNX, for batches of any size; its input is ``images``, its output ``logits``.

    Args:
        network: in evaluation mode.
        example: a batch of images, shape ``(B, C, H, W)``.
        folder: an empty one.
        words: a description for the file.

    Raises:
        UserError: onnx or onnxscript is not installed.
    """
    for module in ("onnx", "onnxscript"):
        require(module, "an export to ONNX")
    path = folder / ONNX
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about itself
        made = torch.onnx.export(
            network,
            (example,),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
        assert made is not None
        made.model.doc_string = words
        made.save(str(path))
    return path


def write_script(network: nn.Module, example: Tensor, folder: Path, words: str) -> Path:
    """Write TorchScript, which libtorch in C++ reads too.

    Args:
        network: in evaluation mode.
        example: a batch of images, shape ``(B, C, H, W)``.
        folder: an empty one.
        words: a description for the file.
    """
    path = folder / SCRIPT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends torch.export instead
        trace: Any = torch.jit.trace
        made = trace(network, example, check_trace=False)
        packed = io.BytesIO()  # torch's writer would hide an error of the disk
        torch.jit.save(made, packed, _extra_files={"about.txt": words})
    path.write_bytes(packed.getbuffer())
    return path


def write_pt2(network: nn.Module, example: Tensor, folder: Path, words: str) -> Path:
    """Write a program for ``torch.export.load``, for batches of any size.

    Args:
        network: in evaluation mode.
        example: a batch of images, shape ``(B, C, H, W)``.
        folder: an empty one.
        words: a description for the file.
    """
    path = folder / PT2
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    packed = io.BytesIO()  # torch's writer would hide an error of the disk
    torch.export.save(program, packed, extra_files={"about.txt": words})
    path.write_bytes(packed.getbuffer())
    return path


CHECKS = {
    "onnx": f"""
import onnxruntime, torch
session = onnxruntime.InferenceSession(folder + "/{ONNX}", providers=["CPUExecutionProvider"])
outputs = torch.from_numpy(session.run(["logits"], {{"images": images.numpy()}})[0])
""",
    "torchscript": f"""
import torch
outputs = torch.jit.load(folder + "/{SCRIPT}")(images)
""",
    "pt2": f"""
import torch
outputs = torch.export.load(folder + "/{PT2}").module()(images)
""",
}
