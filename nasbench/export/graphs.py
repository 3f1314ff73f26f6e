"""Exports a network as a graph: ONNX, TorchScript, torch.export."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasbench.data.preprocessing import Preprocessing
from nasbench.export import usage
from nasbench.optional import require

About = Preprocessing | None

ONNX, SCRIPT, PT2 = "network.onnx", "network.torchscript", "network.pt2"


def write_onnx(
    network: nn.Module, example: Tensor, folder: Path, words: str, about: About
) -> Path:
    """Write ONNX, for batches of any size; its input is ``images``, its output ``logits``.

    Args:
        network: in evaluation mode.
        example: a batch of examples ``(B, *shape)``.
        folder: an empty one.
        words: a description for the file.
        about: what the network expects, if it is known.

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
        made.model.metadata_props.update(usage.metadata(about))
        made.save(str(path))
    usage.write_usage(about, folder, _LOADING["onnx"])
    return path


def write_script(
    network: nn.Module, example: Tensor, folder: Path, words: str, about: About
) -> Path:
    """Write TorchScript, which libtorch in C++ reads too.

    Args:
        network: in evaluation mode.
        example: a batch of examples ``(B, *shape)``.
        folder: an empty one.
        words: a description for the file.
        about: what the network expects, if it is known.
    """
    path = folder / SCRIPT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends torch.export instead
        trace: Any = torch.jit.trace
        made = trace(network, example, check_trace=False)
        packed = io.BytesIO()  # torch's writer would hide an error of the disk
        torch.jit.save(made, packed, _extra_files=_files(words, about))
    path.write_bytes(packed.getbuffer())
    usage.write_usage(about, folder, _LOADING["torchscript"])
    return path


def write_pt2(network: nn.Module, example: Tensor, folder: Path, words: str, about: About) -> Path:
    """Write a program for ``torch.export.load``, for batches of any size.

    Args:
        network: in evaluation mode.
        example: a batch of examples ``(B, *shape)``.
        folder: an empty one.
        words: a description for the file.
        about: what the network expects, if it is known.
    """
    path = folder / PT2
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    packed = io.BytesIO()  # torch's writer would hide an error of the disk
    torch.export.save(program, packed, extra_files=_files(words, about))
    path.write_bytes(packed.getbuffer())
    usage.write_usage(about, folder, _LOADING["pt2"])
    return path


def _files(words: str, about: About) -> dict[str, str]:
    return {"about.txt": words, **{f"{k}.json": v for k, v in usage.metadata(about).items()}}


_LOGITS = "logits = network(torch.from_numpy(inputs))[0].detach().numpy()"
_LOADING = {
    "onnx": usage.Loading(
        "onnxruntime",
        f'session = onnxruntime.InferenceSession("{ONNX}")',
        'logits = session.run(["logits"], {"images": inputs})[0][0]',
    ),
    "torchscript": usage.Loading("torch", f'network = torch.jit.load("{SCRIPT}")', _LOGITS),
    "pt2": usage.Loading("torch", f'network = torch.export.load("{PT2}").module()', _LOGITS),
}

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
