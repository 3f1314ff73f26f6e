"""Exports a network as one file of plain PyTorch, with its weights and an example."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from nasbench.data.preprocessing import Preprocessing
from nasbench.errors import UserError, printable
from nasbench.export import usage
from nasbench.export.classes import classes
from nasbench.export.expressions import Unit
from nasbench.export.tracing import layer_of
from nasbench.optional import require

CODE, WEIGHTS = "network.py", "model.safetensors"
_IMPORTS = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"


def source(
    network: nn.Module, words: str, about: Preprocessing | None = None
) -> tuple[str, str, dict[str, str]]:
    """Return the file's text, the name of the network's class, and each tensor's present name.

    Args:
        network: in evaluation mode.
        words: for the file's docstring.
        about: what the network expects, if it is known.

    Raises:
        UserError: a part of it cannot be written as plain PyTorch; it is named.
    """
    layer = layer_of(network)
    (root,) = layer.parts
    if not isinstance(root, Unit):
        raise UserError(f"{type(network).__name__}: a network of our own is needed")
    parts = classes(root)
    if about is not None:  # the network's class stays the last
        parts = [usage.constants(about), *usage.functions(about, "Tensor"), *parts]
    text = "\n\n\n".join(parts)
    words = "\n".join(map(printable, words.split("\n")))  # names in it may come from a file
    quoted = words.replace("\\", "\\\\").replace('"""', "'''")
    imports = "\n".join(
        line for line in _IMPORTS.splitlines() if "as F" not in line or "F." in text
    )
    gap = "\n\n\n" if about is None else "\n\n"
    return f'"""{quoted}\n"""\n\n{imports}{gap}{text}\n', root.made_by[0], layer.state


def write(
    network: nn.Module,
    example: Tensor,
    folder: Path,
    words: str,
    about: Preprocessing | None = None,
) -> Path:
    """Write the three files and return the path of the code.

    Args:
        network: in evaluation mode.
        example: a batch of examples ``(B, *shape)``.
        folder: an empty one.
        words: for the file's docstring.
        about: what the network expects, if it is known.

    Raises:
        UserError: a part cannot be written, or safetensors is not installed.
    """
    save = require("safetensors.torch", "an export", "safetensors").save_file
    text, name, state = source(network, words, about)
    kept = {new: tensor_at(network, old).contiguous().clone() for new, old in state.items()}
    (folder / CODE).write_text(text, encoding="utf-8")
    save(kept, folder / WEIGHTS, metadata={"format": "pt", **usage.metadata(about)})
    if about is not None:
        usage.write_example(about, folder, name, WEIGHTS)
        return folder / CODE
    shape = ", ".join(str(side) for side in (1, *example.shape[1:]))
    noise = "torch.randn({})" if example.is_floating_point() else "torch.zeros({}).long()"
    shown = _NOISE.format(name=name, noise=noise.format(shape))
    (folder / usage.EXAMPLE).write_text(shown, encoding="utf-8")
    return folder / CODE


def tensor_at(network: nn.Module, path: str) -> Tensor:
    """Return a tensor of a network on the CPU, also one that is not in its ``state_dict``."""
    owner, _, name = path.rpartition(".")
    found: Tensor = getattr(network.get_submodule(owner), name)
    return found.detach().cpu()


_NOISE = '''"""Load the network and show its outputs for noise."""

import torch
from network import {name}
from safetensors.torch import load_file

network = {name}()
network.load_state_dict(load_file("model.safetensors"))
network.eval()
with torch.no_grad():
    print(network({noise}).softmax(1))
'''

# Run in a fresh process, which supplies ``images`` and saves ``outputs``.
CHECK = f"""
import importlib.util, torch
from safetensors.torch import load_file
spec = importlib.util.spec_from_file_location("network", folder + "/{CODE}")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
network = list(vars(module).values())[-1]()
network.load_state_dict(load_file(folder + "/{WEIGHTS}"))
outputs = network.eval()(images)
"""


def trial(network: nn.Module, images: Tensor) -> Tensor:
    """Return the network's outputs for a batch of images, in evaluation mode."""
    with torch.no_grad():
        outputs: Tensor = network.eval()(images)
    return outputs
