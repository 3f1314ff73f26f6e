import pytest
import torch
from torch import nn

from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import parameter_count


@pytest.mark.parametrize(
    ("channels", "out", "kernel", "groups", "stride"),
    [(3, 16, 3, 1, 1), (16, 16, 5, 16, 1), (8, 12, 3, 4, 2), (8, 32, 1, 1, 1)],
)
def test_convolution_follows_the_formula(channels, out, kernel, groups, stride):
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    side = 20 // stride
    expected = side * side * out * (channels // groups) * kernel**2
    assert multiply_adds(conv, (channels, 20, 20)) == expected
    assert parameter_count(conv) == out * (channels // groups) * kernel**2


def test_linear_layer_is_counted_and_normalisation_is_not():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 5))
    assert multiply_adds(network, (2, 3, 3)) == 18 * 5


def test_resnet18_has_its_published_numbers():
    models = pytest.importorskip("torchvision.models")
    network = models.resnet18()
    assert parameter_count(network) == 11_689_512
    assert multiply_adds(network, (3, 224, 224)) / 1e9 == pytest.approx(1.814, abs=5e-4)


def test_shared_parameters_count_once():
    layer = nn.Linear(4, 4)
    assert parameter_count(nn.Sequential(layer, nn.ReLU(), layer)) == 20


def test_module_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    network.train()
    network[1].eval()  # frozen by hand
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    multiply_adds(network, (3, 8, 8))
    assert [part.training for part in network] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_mode_is_restored_after_a_failure():
    network = nn.Sequential(nn.Conv2d(3, 4, 3)).train()
    with pytest.raises(RuntimeError):
        multiply_adds(network, (5, 8, 8))
    assert network[0].training


def test_double_precision_network_gets_doubles():
    assert multiply_adds(nn.Conv2d(1, 1, 1).double(), (1, 4, 4)) == 16
