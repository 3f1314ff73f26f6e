"""Weights come back as they were written; a damaged file is one line."""

from __future__ import annotations

import os
import re

import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.store.weights import load_weights, save_weights


def test_there_and_back(tmp_path):
    network = nn.Linear(3, 2)
    found = load_weights(save_weights(network, tmp_path))
    assert set(found) == {"weight", "bias"}
    assert torch.equal(found["weight"], network.weight)


@pytest.mark.parametrize(
    "content", [b"", b"x", bytes(8), b"\xff" * 8, b"\x02" + bytes(7) + b"{}", b"PK\x03\x04"]
)
@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
def test_a_damaged_file(tmp_path, name, content):
    path = tmp_path / name
    if name.endswith("tensors") and content.endswith(b"{}"):
        content = content[:-1]
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^cannot read the weights {re.escape(str(path))}: ."):
        load_weights(path)


def test_what_is_cut_off(tmp_path):
    path = save_weights(nn.Linear(30, 20), tmp_path)
    whole = path.read_bytes()
    for size in (1, 8, 20, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match="cannot read the weights"):
            load_weights(path)


def test_a_file_of_something_else(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "model.pt")
    os.mkfifo(tmp_path / "model.safetensors")
    for name in ("model.pt", "model.safetensors"):
        with pytest.raises(UserError, match=r"no tensors by name|no plain file"):
            load_weights(tmp_path / name)
