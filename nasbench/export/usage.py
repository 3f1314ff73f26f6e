"""What an export says of its use: preprocessing and classes, as code and as metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat

from nasbench.data.preprocessing import Preprocessing

KEY = "preprocessing"
"""The name of the metadata in ONNX, TorchScript, ``torch.export`` and safetensors."""

PREPARE, EXAMPLE = "prepare.py", "example.py"


def metadata(about: Preprocessing | None) -> dict[str, str]:
    """Return the metadata of an export; none if nothing is known."""
    return {} if about is None else {KEY: json.dumps(about.to_json())}


def constants(about: Preprocessing) -> str:
    """Return the classes and the numbers of the preprocessing as Python."""
    values = {"CLASSES": about.names, "SCALE": about.scale, "MEAN": about.mean, "STD": about.std}
    if about.takes_pictures:
        values["SIZE"] = about.size[0]
    texts = (f"{name} = {pformat(one, width=85, compact=True)}" for name, one in values.items())
    return "\n".join(texts)


def functions(about: Preprocessing, tensor: str) -> list[str]:
    """Return the code that makes inputs of examples, and of picture files where it can.

    Args:
        about: what the network expects.
        tensor: the type of the inputs: ``Tensor`` or ``np.ndarray``.
    """
    shape = ", ".join(map(str, about.shape))
    ones = ", 1" * (len(about.shape) - 1)
    mode = "L" if about.shape[0] == 1 else "RGB"
    parts = [_NORMALIZE if about.mean else _KEEP]
    if about.takes_pictures:
        parts.append(_PREPARE)
    texts = [part.format(shape=shape, ones=ones, mode=mode, tensor=tensor) for part in parts]
    if tensor == "Tensor":
        return [text.replace("of_array", "torch.from_numpy") for text in texts]
    return [text.replace("of_array", "").replace(_IMPORT, "") for text in texts]


@dataclass(frozen=True)
class Loading:
    """How an export is loaded by ``example.py``.

    Attributes:
        module: what is imported.
        load: lines that load the network.
        logits: a line that makes ``logits``, an array ``(outputs,)``, of ``inputs``.
    """

    module: str
    load: str
    logits: str


def write_usage(about: Preprocessing | None, folder: Path, how: Loading) -> None:
    """Write ``prepare.py`` and ``example.py`` beside a network that is no Python file.

    Args:
        about: what the network expects; ``None`` writes nothing.
        folder: of the export.
        how: it is loaded.
    """
    if about is None:
        return
    head = '"""Makes the inputs of a network as in its training."""\n\nimport numpy as np'
    parts = [f"{head}\n\n{constants(about)}", *functions(about, "np.ndarray")]
    _write(folder / PREPARE, "\n\n\n".join(parts))
    lines = _Lines.of(about, tensors=False)
    text = f"""\
import sys

import numpy as np
import {how.module}
from prepare import CLASSES, {lines.function}

{how.load}
{lines.loop}
    inputs = {lines.inputs}
    {how.logits}
{lines.end}"""
    _write(folder / EXAMPLE, f'"""{lines.title}"""\n\n{text}')


def write_example(about: Preprocessing, folder: Path, network: str, weights: str) -> None:
    """Write ``example.py`` beside a network in Python.

    Args:
        about: what the network expects.
        folder: of the export.
        network: the name of its class.
        weights: the name of the weights' file.
    """
    lines = _Lines.of(about, tensors=True)
    numpy = "" if about.takes_pictures else "import numpy as np\n"
    text = f"""\
import sys

{numpy}import torch
from network import CLASSES, {network}, {lines.function}
from safetensors.torch import load_file

network = {network}().eval()
network.load_state_dict(load_file("{weights}"))
{lines.loop}
    with torch.no_grad():
        logits = network({lines.inputs})[0]
{lines.end}"""
    _write(folder / EXAMPLE, f'"""{lines.title}"""\n\n{text}')


@dataclass(frozen=True)
class _Lines:
    """The lines of an example that depend on what is predicted of what."""

    title: str
    function: str
    loop: str
    inputs: str
    end: str

    @classmethod
    def of(cls, about: Preprocessing, tensors: bool) -> _Lines:
        end = _ENDS[about.target].replace("exp(", "torch.exp(" if tensors else "np.exp(")
        if about.takes_pictures:
            title = "Predicts for pictures: python example.py cat.jpg dog.jpg"
            return cls(title, "prepare", "for name in sys.argv[1:]:", "prepare(name)", end)
        title = "Predicts for the examples in an array: python example.py x.npy"
        loop = "for name, x in enumerate(np.load(sys.argv[1])):"
        x = "torch.from_numpy(x[None])" if tensors else "x[None]"
        return cls(title, "normalize", loop, f"normalize({x})", end)


def _write(path: Path, text: str) -> None:
    path.write_text(f"{text.rstrip()}\n", encoding="utf-8")


_IMPORT = "    import numpy as np\n"

_NORMALIZE = '''def normalize(examples: {tensor}) -> {tensor}:
    """Return inputs, float32 (n, {shape}), for examples of that shape."""
    import numpy as np

    mean, std = (np.array(values).reshape(-1{ones}) for values in (MEAN, STD))
    scale, shift = ((one / std).astype(np.float32) for one in (SCALE, -mean))
    return examples * of_array(scale) + of_array(shift)'''

_KEEP = '''def normalize(examples: {tensor}) -> {tensor}:
    """Return examples (n, {shape}) as they are: the network takes them so."""
    return examples'''

# The same as nasbench.data.decoding.decode; a test compares them.
_PREPARE = '''def prepare(path: str) -> {tensor}:
    """Return a picture file as an input (1, {shape}), as in training."""
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        opened.draft(None, (2 * SIZE, 2 * SIZE))  # of a large JPEG, little more than needed
        opened.load()
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):  # 16 bits
        picture = Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    picture = picture.convert("{mode}")
    side = min(picture.size)  # the square in the middle
    left, top = ((length - side) // 2 for length in picture.size)
    picture = picture.crop((left, top, left + side, top + side))
    picture = picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    pixels = np.array(picture).reshape(SIZE, SIZE, -1).transpose(2, 0, 1)
    return normalize(of_array(pixels[None]))'''

_ENDS = {
    "class": """\
    odds = exp(logits - logits.max())
    best = int(odds.argmax())
    print(name, CLASSES[best], f"{float(odds[best] / odds.sum()):.1%}")""",
    "labels": """\
    print(name, dict(zip(CLASSES, (1 / (1 + exp(-logits))).tolist())))""",
    "numbers": """\
    print(name, dict(zip(CLASSES, logits.tolist())))""",
}
