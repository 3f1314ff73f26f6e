"""Small tensors of a state, packed into large ones."""

from __future__ import annotations

import collections
import io

import pytest
import torch
from torch import nn

from nasbench.store.packing import SMALL, packed, unpacked


def written(state):
    buffer = io.BytesIO()
    torch.save(packed(state), buffer)
    buffer.seek(0)
    return unpacked(torch.load(buffer, weights_only=True))


def test_every_tensor_has_the_same_bits_shape_and_layout_afterwards():
    torch.manual_seed(0)
    last = torch.randn(4, 3, 5, 5).contiguous(memory_format=torch.channels_last)
    tensors = [
        last,
        torch.tensor(float("nan")),
        torch.tensor(3),
        torch.zeros(0, 2),
        torch.tensor([True, False]),
        torch.randn(3, 4, dtype=torch.float64).t(),
        torch.randn(2, 3).bfloat16(),
        torch.randn(8, 8)[:, ::2],  # has holes
        torch.randn(3, 1).expand(3, 4),
        torch.randn(SMALL + 1),
        torch.get_rng_state(),
    ]
    found = written({"a": tensors, "b": {7: (tensors[0], "text", None, 1.5)}})
    for mine, theirs in zip(tensors, found["a"], strict=True):
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        assert torch.equal(mine.nan_to_num(), theirs.nan_to_num())
    assert found["a"][0].stride() == last.stride()
    assert torch.equal(found["b"][7][0], last)
    assert found["b"][7][1:] == ("text", None, 1.5)


def test_a_change_of_one_tensor_changes_no_other():
    found = written({"a": torch.zeros(3), "b": torch.zeros(3)})
    found["a"].add_(1)
    assert found["b"].sum() == 0


def test_the_states_of_a_module_and_its_optimizer_are_restored():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 2, 5, 5)).sum().backward()
    optimizer.step()
    found = written({"net": net.state_dict(), "optimizer": optimizer.state_dict()})
    assert isinstance(found["net"], collections.OrderedDict)
    assert found["net"]._metadata == net.state_dict()._metadata
    other = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    other.load_state_dict(found["net"])
    same = torch.optim.Adam(other.parameters())
    same.load_state_dict(found["optimizer"])
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        b.grad = a.grad.clone()
    optimizer.step()
    same.step()
    for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_state_that_was_never_packed_is_itself():
    state = {"a": torch.zeros(3), "place": ("x", 1)}
    assert unpacked(state) is state


@pytest.mark.parametrize(
    "change",
    [
        lambda saved: saved["nasbench.flat"].clear(),
        lambda saved: saved.update({"nasbench.flat": {"torch.float32": torch.zeros(1)}}),
        lambda saved: saved.update({"nasbench.state": 1}),
        lambda saved: saved.update({"nasbench.state": {"a": ("nasbench.place", 1)}}),
    ],
)
def test_damaged_places_are_told(change):
    saved = packed({"a": torch.zeros(3)})
    change(saved)
    with pytest.raises((LookupError, RuntimeError, TypeError, ValueError)):
        unpacked(saved)
