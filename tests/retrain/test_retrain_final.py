"""The check of the weights' file after the final evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nasbench.errors import UserError
from retrain.final import _check

FILE = Path("model.safetensors")


def outputs(value: float) -> torch.Tensor:
    return torch.tensor([[1.0, -20.0], [3.0, value]])


@pytest.mark.parametrize("value", [4.0, float("nan"), float("inf")])
def test_equal_outputs_pass_whatever_they_are(value):
    _check(FILE, outputs(value), outputs(value))
    _check(FILE, outputs(value), outputs(value) + torch.tensor([[0.01, -0.01], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("before", "after", "apart"),
    [(4.0, 4.1, "0.1"), (4.0, -4.0, "8"), (4.0, float("nan"), "0"), (float("inf"), 4.0, "0")],
)
def test_other_outputs_are_refused(before, after, apart):
    line = f"^model.safetensors answers otherwise .* by up to {apart}, where the largest is 20; do"
    with pytest.raises(UserError, match=line):
        _check(FILE, outputs(before), outputs(after))
