import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nasbench import catalog
from nasbench.cost import counting
from nasbench.cost.macs import counted, depth, multiply_adds
from nasbench.cost.params import parameter_count
from nasbench.errors import UserError
from nasbench.space import DataSpec


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


L, E, H, FF = 5, 16, 4, 24  # tokens, width, heads, hidden width
ATTENTION = 4 * L * E**2 + 2 * L**2 * E  # four projections, q k^T and the weighted sum
LAYER = ATTENTION + 2 * L * E * FF


class Tokens(nn.Module):
    """Calls a function of ``module`` and tokens ``(1, L, E)``."""

    def __init__(self, module, call=lambda module, x: module(x)):
        super().__init__()
        self.module = module
        self.call = call

    def forward(self, x):
        return self.call(self.module, x.flatten(2).transpose(1, 2))


def _lstm(layers, both, projected=0):
    """Return the multiply-adds of one step of an LSTM by the formula of its four gates."""
    hidden, total = 8, 0
    out = projected or hidden
    for layer in range(layers):
        given = E if layer == 0 else out * (1 + both)
        total += (1 + both) * (4 * hidden * (given + out) + projected * hidden)
    return total


SDPA = F.scaled_dot_product_attention


def _shared_heads(module, x):
    query = x.view(1, L, 4, 4).transpose(1, 2)
    key = x[..., :8].reshape(1, L, 2, 4).transpose(1, 2)
    return SDPA(query, key, key, enable_gqa=True)


KNOWN = {
    "attention": (
        Tokens(nn.MultiheadAttention(E, H, batch_first=True), lambda m, x: m(x, x, x)[0]),
        ATTENTION,
    ),
    "attention without weights": (
        Tokens(
            nn.MultiheadAttention(E, H, batch_first=True),
            lambda m, x: m(x, x, x, need_weights=False)[0],
        ),
        ATTENTION,
    ),
    "a kernel of attention": (
        Tokens(None, lambda m, x: SDPA(*(x.view(1, L, 4, 4).transpose(1, 2),) * 3)),
        2 * L**2 * E,
    ),
    "heads that share keys": (Tokens(None, _shared_heads), 2 * L**2 * E),
    "a transformer layer": (
        Tokens(nn.TransformerEncoderLayer(E, H, FF, batch_first=True)),
        LAYER,
    ),
    "a transformer": (
        Tokens(nn.TransformerEncoder(nn.TransformerEncoderLayer(E, H, FF, batch_first=True), 3)),
        3 * LAYER,
    ),
    "LSTM": (Tokens(nn.LSTM(E, 8, batch_first=True)), L * _lstm(1, 0)),
    "LSTM in float64": (Tokens(nn.LSTM(E, 8, batch_first=True).double()), L * _lstm(1, 0)),
    "LSTM of two layers, both ways": (
        Tokens(nn.LSTM(E, 8, 2, batch_first=True, bidirectional=True)),
        L * _lstm(2, 1),
    ),
    "LSTM with a projection": (
        Tokens(nn.LSTM(E, 8, batch_first=True, proj_size=3)),
        L * _lstm(1, 0, 3),
    ),
    "GRU": (Tokens(nn.GRU(E, 8, batch_first=True)), L * 3 * 8 * (E + 8)),
    "GRU both ways": (
        Tokens(nn.GRU(E, 8, batch_first=True, bidirectional=True)),
        2 * L * 3 * 8 * (E + 8),
    ),
    "RNN": (Tokens(nn.RNN(E, 8, batch_first=True)), L * 8 * (E + 8)),
    "LSTM cell": (Tokens(nn.LSTMCell(E, 8), lambda m, x: m(x[:, 0])[0]), 4 * 8 * (E + 8)),
    "GRU cell": (Tokens(nn.GRUCell(E, 8), lambda m, x: m(x[:, 0])), 3 * 8 * (E + 8)),
    "bilinear": (
        Tokens(nn.Bilinear(E, 7, 3), lambda m, x: m(x, x[..., :7])),
        L * (3 * E * 7 + 3 * 7),
    ),
    "a bag of embeddings": (
        Tokens(nn.EmbeddingBag(99, 6), lambda m, x: m(x[0].argmax(1)[None])),
        0,
    ),
    "a weighted bag of embeddings": (
        Tokens(
            nn.EmbeddingBag(99, 6, mode="sum"),
            lambda m, x: m(x[0].argmax(1)[None], per_sample_weights=x[..., 0]),
        ),
        L * 6,
    ),
    "a linear layer of one vector": (Tokens(nn.Linear(E, 3), lambda m, x: m(x[0, 0])), 3 * E),
    "a matrix by a vector": (Tokens(None, lambda m, x: x[0] @ x[0, 0]), L * E),
    "a dot product": (Tokens(None, lambda m, x: x[0, 0] @ x[0, 1]), E),
    "einsum": (Tokens(None, lambda m, x: torch.einsum("bij,bkj->bik", x, x)), L**2 * E),
    "a sum of products": (
        Tokens(None, lambda m, x: torch.addbmm(x.new_zeros(L, L), x, x.mT)),
        L**2 * E,
    ),
    "conv1d": (Tokens(nn.Conv1d(L, 3, 3), lambda m, x: m(x)), 3 * 14 * L * 3),
    "transposed convolution": (nn.ConvTranspose2d(E, 3, 2, bias=False), L * E * 3 * 4),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", KNOWN)
def test_the_count_is_that_of_the_formula(name):
    network, expected = KNOWN[name]
    assert multiply_adds(network, (E, 1, L)) == expected
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", KNOWN)
def test_a_gpu_counts_the_same(name):
    network, expected = KNOWN[name]
    network = copy.deepcopy(network).to("cuda")
    if not list(network.parameters()):
        network.register_buffer("place", torch.zeros(1, device="cuda"))
    assert multiply_adds(network, (E, 1, L)) == expected


def test_a_recurrent_kernel_of_a_gpu_follows_the_formula():
    """``_cudnn_rnn(input, weight, weight_stride0, weight_buf, hx, cx, ...)`` of one LSTM layer."""
    weights = list(nn.LSTM(E, 8).parameters())
    given, buffer, state = torch.empty(L, 1, E), torch.empty(999), torch.empty(1, 1, 8)
    macs = counting.FORMULAS[torch.ops.aten._cudnn_rnn]
    assert macs((given, weights, 4, buffer, state, state)) == L * _lstm(1, 0)


def _elements(x):
    return F.gelu(x) * x.sigmoid().clamp(0, 1).where(x > 0, x).masked_fill(x < 0, 0)


FREE = {
    "resampling": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear").relu().sum(),
    "pooling": lambda x: F.adaptive_avg_pool2d(F.max_pool2d(x, 1), 1).softmax(1),
    "moving": lambda x: torch.cat([x.flip(3), x.roll(1, 3)]).unfold(3, 2, 1).flatten().topk(3)[0],
    "shuffling": lambda x: F.pixel_shuffle(x, 2)[:, :, ::2].mean((2, 3)).cumsum(1).argsort(),
    "norms": lambda x: F.normalize(F.instance_norm(F.group_norm(x, 4)), dim=1).std(),
    "element-wise": _elements,
    "a table": lambda x: torch.zeros(3, 2)[torch.arange(2)].repeat(2, 1).tril(),
}


@pytest.mark.parametrize("name", FREE)
def test_what_papers_do_not_count_is_no_gap(name):
    found = counted(Tokens(None, lambda m, x: FREE[name](x.mT[:, :, None])), (E, 1, L))
    assert (found.total, found.uncounted) == (0, ())


@torch.library.custom_op("nasbench_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


UNKNOWN = {
    "aten::_fft_r2c": torch.fft.rfft2,
    "aten::_cdist_forward": lambda x: torch.cdist(x, x, p=1.0),
    "aten::_linalg_svd": torch.linalg.svdvals,
    "nasbench_tests::twice": twice,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_cannot_be_counted_is_named(name):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), Tokens(None, lambda m, x: UNKNOWN[name](x)))
    found = counted(network, (3, 6, 6))
    assert (found.total, found.uncounted) == (36 * 12, (name,))
    with pytest.raises(UserError, match=f"Sequential cannot be counted, because of {name}$"):
        multiply_adds(network, (3, 6, 6))


def test_an_attention_layer_is_part_of_the_depth():
    layer = nn.TransformerEncoderLayer(E, H, FF, batch_first=True)
    assert depth(Tokens(layer), (E, 1, L)) >= 5  # in, attention, out, two linear layers


BUILT_IN = [*catalog.SPACES, *catalog.BASELINES]
QUICK = {"darts", "mobilenet-full", "nas-bench-201", "gait", "ev-gait", "small-cnn"}


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in BUILT_IN]
)
def test_networks_of_ours_are_counted_without_a_gap(name):
    spec = DataSpec(1, 28, 28, 10) if "mnist" in name else DataSpec(3, 32, 32, 10)
    space, more = catalog.resolve("space", name), {}
    if name == "darts-cells":
        pair = "[('sep_conv_3x3', 0), ('none', 1)]"
        more = {"genotype": f"Genotype(normal={pair}, reduce={pair})"}
    arch = space.describe(spec, **more).sample(np.random.default_rng(0))
    assert counted(space.freeze(arch, spec, **more), spec.shape).uncounted == ()
