"""Compiled sums against the layers one by one, in float64."""

from __future__ import annotations

import copy
import functools
import gc
import hashlib
import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from killing import in_processes
from torch import Tensor, nn

from nasbench.nn import processes
from nasbench.nn.sync_batchnorm import synchronize
from nasbench.space import DataSpec
from nasbench.supernet.fast import compiled, fit_kernels, kernels, pool_kernels, pools
from nasbench.supernet.fast.branch_sum import BranchSum
from nasbench.supernet.fast.branches import Branches, Bundle
from nasbench.supernet.fast.compiled import CompiledBranches
from nasbench.supernet.fast.shared import Added, Mixed, shared
from nasbench.supernet.fast.sums import Candidate, FastSums
from nasbench.supernet.mixture import Mixture
from nasbench.training.distributed import join, leave
from search_spaces.darts import Darts

LAST = torch.channels_last


def unit(c: int, k: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (k // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(c, c, k, stride, padding, dilation, c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        nn.BatchNorm2d(c, affine=False),
    ]


def candidates(c: int, stride: int) -> list[nn.Sequential]:
    """Return the convolutions of an edge of a DARTS cell."""
    return [
        nn.Sequential(*unit(c, 3, stride), *unit(c, 3)),
        nn.Sequential(*unit(c, 5, stride), *unit(c, 5)),
        nn.Sequential(*unit(c, 3, stride, 2)),
        nn.Sequential(*unit(c, 5, stride, 2)),
    ]


def branch_sum(kind, bundles, mixing, inputs, parameters, plain) -> torch.Tensor:
    """Return a sum, its gradients gathered as those of a supernet's sums are."""
    if kind is not CompiledBranches:
        nowhere = [None] * len(plain)
        return BranchSum.apply(kind, bundles, nowhere, mixing, *inputs, *parameters, *plain)
    added, mixed = [Added() for _ in inputs], [Mixed() for _ in plain]
    inputs = [shared(x, place) for x, place in zip(inputs, added, strict=True)]
    plain = [shared(image, place) for image, place in zip(plain, mixed, strict=True)]
    kind = functools.partial(CompiledBranches, added)
    return BranchSum.apply(kind, bundles, mixed, mixing, *inputs, *parameters, *plain)


class Case:
    """A node with two edges and two plain images.

    Args:
        c: channels.
        size: height and width of the output.
        strides: of the edges.
    """

    def __init__(self, c: int, size: tuple[int, int], strides: tuple[int, ...] = (1, 1)) -> None:
        torch.manual_seed(0)
        self.layers = nn.ModuleList([one for s in strides for one in candidates(c, s)])
        self.states = [
            torch.randn(3, c, *(s * n for n in size)).contiguous(memory_format=LAST)
            for s in strides
        ]
        self.plain = [torch.randn(3, c, *size).contiguous(memory_format=LAST) for _ in range(2)]
        self.mixing = torch.rand(len(self.layers) + 2) + 0.1
        self.grad = torch.randn(3, c, *size).contiguous(memory_format=LAST)
        self.strides = strides

    def expected(self, layers: nn.ModuleList) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the sum of the layers' outputs, and its gradients by autograd, in float64."""
        layers.double().train()
        states = [x.double().requires_grad_() for x in self.states]
        plain = [x.double().requires_grad_() for x in self.plain]
        mixing = self.mixing.double().requires_grad_()
        outputs = [layer(states[i // 4]) for i, layer in enumerate(layers)]
        total = sum(w * y for w, y in zip(mixing, [*outputs, *plain], strict=True))
        wanted = [mixing, *states, *plain, *layers.parameters()]
        return total, list(torch.autograd.grad(total, wanted, self.grad.double()))

    def found(
        self, layers: nn.ModuleList, kind: object = CompiledBranches
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the same of :class:`BranchSum`."""
        layers.train()
        states = [
            x.clone(memory_format=torch.preserve_format).requires_grad_() for x in self.states
        ]
        plain = [x.clone(memory_format=torch.preserve_format).requires_grad_() for x in self.plain]
        mixing = self.mixing.clone().requires_grad_()
        inputs, bundles = [], []
        for i, layer in enumerate(layers):
            branch = Candidate(layer).branch
            assert branch
            stride, dilation = branch[0].spatial.stride[0], branch[0].spatial.dilation[0]
            x = states[i // 4] if kind is CompiledBranches else torch.relu(states[i // 4])
            if stride == dilation == 2:  # as the sums hand it over
                x = x[:, :, ::2, ::2].contiguous(memory_format=LAST)
            inputs.append(x)
            bundles.append(Bundle((branch,), (i,)))
        plains = [bundle.branches[0] for bundle in bundles]
        if kind is CompiledBranches:
            assert compiled.takes(plains, inputs, plain, mixing.unbind())
        parameters = [p for branch in plains for unit in branch for p in unit.parameters]
        total = branch_sum(kind, bundles, mixing, inputs, parameters, plain)
        wanted = [mixing, *states, *plain, *layers.parameters()]
        return total, list(torch.autograd.grad(total, wanted, self.grad))


def far(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).detach().norm() / theirs.detach().norm())


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("c", "size", "strides"),
    [
        (16, (8, 8), (1, 1)),
        (32, (7, 9), (1, 1)),
        (48, (4, 4), (2, 1)),
        (16, (16, 11), (2, 2)),
        (4, (8, 8), (1, 2)),
        (8, (9, 8), (1, 1)),
        (36, (5, 6), (1, 1)),
    ],
)
def test_sum_and_all_gradients_are_those_of_the_layers(c, size, strides, threads):
    case = Case(c, size, strides)
    reference = copy.deepcopy(case.layers)
    total, gradients = case.expected(reference)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, found = case.found(case.layers)
    finally:
        torch.set_num_threads(before)
    assert far(ours.double(), total) < 1e-6
    for a, b in zip(found, gradients, strict=True):
        assert a.shape == b.shape
        assert far(a.double(), b) < 2e-5
    for (name, a), b in zip(case.layers.named_buffers(), reference.buffers(), strict=True):
        assert far(a.double(), b.double()) < 1e-6, name


def test_each_half_of_the_gradients_can_be_left_out():
    """One step trains the mixing weights alone, another the parameters alone."""
    case = Case(16, (6, 6))
    _, everything = case.found(case.layers)
    branches = [Candidate(layer).branch for layer in case.layers]
    bundles = [Bundle((branch,), (i // 4,)) for i, branch in enumerate(branches)]
    inputs = [torch.relu(x) for x in case.states]
    parameters = [p for branch in branches for unit in branch for p in unit.parameters]

    def gradients(wanted: list[torch.Tensor], mixing: torch.Tensor) -> list[torch.Tensor]:
        total = branch_sum(CompiledBranches, bundles, mixing, inputs, parameters, case.plain)
        return list(torch.autograd.grad(total, wanted, case.grad))

    mixing = case.mixing.clone().requires_grad_()
    for p in parameters:
        p.requires_grad_(False)
    (alone,) = gradients([mixing], mixing)
    assert torch.equal(alone, everything[0])
    for p in parameters:
        p.requires_grad_(True)
    weights = gradients(parameters, case.mixing)
    for a, b in zip(weights, everything[5:], strict=True):
        assert torch.equal(a, b)


def test_a_state_that_is_also_added_as_it_is_gets_both_gradients():
    case = Case(16, (6, 6))
    branch = Candidate(case.layers[0]).branch
    parameters = [p for unit in branch for p in unit.parameters]
    mixing = torch.tensor([0.3, 0.7])

    def gradient(plain: torch.Tensor, *wanted: torch.Tensor) -> tuple[torch.Tensor, ...]:
        bundles = [Bundle((branch,), (0,))]
        out = branch_sum(CompiledBranches, bundles, mixing, [wanted[0]], parameters, [plain])
        return torch.autograd.grad(out, wanted, case.grad)

    x, other = (case.states[0].clone(memory_format=torch.preserve_format) for _ in range(2))
    x.requires_grad_()
    other.requires_grad_()
    apart = gradient(other, x, other)
    torch.testing.assert_close(gradient(x, x)[0], apart[0] + apart[1], rtol=1e-6, atol=1e-6)


def test_what_another_backward_pass_left_is_not_added():
    """One that wants the gradients of some weights alone asks for none of the images'."""
    net, x = small_darts(), pictures()
    plain = copy.deepcopy(net).double()
    loss = net(x).square().sum()
    every = [p for p in net.parameters() if p.requires_grad]
    last = [p for p in every if p.shape[:1] == (3,)]  # of the classifier
    alone = torch.autograd.grad(loss, [*net.alphas, *last], retain_graph=True)
    first, second = (
        torch.autograd.grad(loss, every, retain_graph=True, materialize_grads=True)
        for _ in range(2)
    )
    plain.fast = False
    wanted = [p for p in plain.parameters() if p.requires_grad]
    expected = torch.autograd.grad(
        plain(x.double()).square().sum(), wanted, materialize_grads=True
    )
    for a, b, c in zip(first, second, expected, strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(a.double(), c, rtol=1e-3, atol=1e-3)
    assert torch.equal(alone[-1], first[[p is last[-1] for p in every].index(True)])


def test_backward_passes_inside_each_other_keep_their_gradients_apart():
    net, x = small_darts(), pictures()
    every = [p for p in net.parameters() if p.requires_grad]

    def gradients(loss: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(loss, every, retain_graph=True, materialize_grads=True)

    loss = net(x).square().sum()
    nodes = {loss.grad_fn: None}
    waiting = list(nodes)
    while waiting:  # from the end of the forward pass to its begin
        for other, _ in waiting.pop().next_functions:
            if other is not None and other not in nodes:
                nodes[other] = None
                waiting.append(other)
    alone = gradients(loss)
    for node in [one for one in nodes if "BranchSum" in one.name()]:
        inner: list[torch.Tensor] = []
        begun: list[bool] = []

        def another(*_: object, inner=inner, begun=begun) -> None:
            if not begun:
                begun.append(True)
                inner.extend(gradients(loss))

        handle = node.register_prehook(another)
        outer = gradients(loss)
        handle.remove()
        for a, b, c in zip(alone, outer, inner, strict=True):
            assert torch.equal(a, b)
            assert torch.equal(a, c)


def test_a_backward_pass_leaves_nothing_behind():
    def places() -> list[Added | Mixed]:
        return [one for one in gc.get_objects() if type(one) in (Added, Mixed)]

    known = places()  # of other tests, kept so that no id is used again
    net = small_darts()
    loss = net(pictures()).square().sum()
    torch.autograd.grad(loss, list(net.alphas))
    old = {id(one) for one in known}
    made = [one for one in places() if id(one) not in old]
    assert made
    assert not any(one._of for one in made)


def test_a_state_that_was_read_without_gradients_has_one_afterwards():
    case, sums = Case(16, (6, 6)), FastSums()
    x = case.states[0].clone(memory_format=torch.preserve_format).requires_grad_()
    parts = [(torch.ones(()), layer, x) for layer in (case.layers[0], nn.Identity())]
    case.layers.train()
    with torch.no_grad():
        sums.sum(parts)
    (found,) = torch.autograd.grad(sums.sum(parts).square().sum(), x)
    sums.forget()
    (alone,) = torch.autograd.grad(sums.sum(parts).square().sum(), x)
    assert torch.equal(found, alone)


@torch.no_grad()
def scaled(weight: Tensor) -> None:
    weight.mul_(1.5)


def moved(weight: Tensor) -> None:
    weight.data = weight.data.clone()


@pytest.mark.parametrize(
    ("change", "words"), [(scaled, "modified"), (moved, "modified or replaced")]
)
def test_a_weight_that_changed_before_the_backward_pass_is_noticed(change, words):
    net = small_darts()
    loss = net(pictures()).square().sum()
    for weight in net.weight_parameters:
        change(weight)
    with pytest.raises(RuntimeError, match=words):
        loss.backward()


def test_the_same_bits_for_the_same_number_of_threads():
    case = Case(16, (8, 8))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, second = (case.found(copy.deepcopy(case.layers)) for _ in range(2))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(first[0], second[0])
    for a, b in zip(first[1], second[1], strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("replaced", [("_openmp", lambda: None), ("_imported_by", -1)])
def test_threads_of_python_compute_the_same_where_openmp_cannot(replaced, monkeypatch):
    case = Case(16, (8, 8))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first = case.found(copy.deepcopy(case.layers))
        name, value = replaced
        monkeypatch.setattr(f"nasbench.supernet.fast.threads.{name}", value)
        second = case.found(copy.deepcopy(case.layers))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(first[0], second[0])
    for a, b in zip(first[1], second[1], strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case.layers[0].double(),
        lambda case: setattr(case, "mixing", case.mixing.double()),
        lambda case: case.states.__setitem__(0, case.states[0].double()),
        lambda case: case.states.__setitem__(0, case.states[0].contiguous()),
        lambda case: case.states.__setitem__(0, case.states[0][:2]),
        lambda case: case.plain.__setitem__(0, case.plain[0][:, :, 1:]),
        lambda case: case.layers.__setitem__(0, nn.Sequential(*unit(16, 7))),
        lambda case: case.layers.__setitem__(0, nn.Sequential(*unit(16, 3, 1, 3))),
        lambda case: case.layers.__setitem__(0, nn.Sequential(*unit(16, 3, 2))),
    ],
)
def test_what_has_no_compiled_loops_is_not_taken(change):
    def takes(case: Case) -> bool:
        branches = [Candidate(layer).branch for layer in case.layers]
        inputs = [case.states[i // 4] for i in range(len(branches))]
        parameters = [p for branch in branches for unit in branch for p in unit.parameters]
        return compiled.takes(branches, inputs, case.plain, [case.mixing, *parameters])

    case = Case(16, (6, 6))
    assert takes(case)
    change(case)
    assert not takes(case)
    assert not takes(Case(18, (6, 6)))


def outcome(net: Mixture, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    out = net(x)
    wanted = [p for p in net.parameters() if p.requires_grad]
    found = torch.autograd.grad(out.square().sum(), wanted, materialize_grads=True)
    return out.detach().double(), torch.cat([g.flatten() for g in found]).double()


def test_a_supernet_computes_the_same_with_and_without(monkeypatch):
    torch.manual_seed(0)
    arguments = {"channels": 16, "layers": 3, "nodes": 2}
    spec = DataSpec(2, 8, 8, 3)
    net = Mixture(Darts.supernet(spec, **arguments), Darts.describe(spec, **arguments))
    net = net.to(memory_format=LAST).train()
    plain = copy.deepcopy(net).double()
    x = torch.randn(16, 2, 8, 8).contiguous(memory_format=LAST)
    kinds = []

    def taken(self, *arguments):
        kinds.append(type(self))
        return sums[type(self)](self, *arguments)

    sums = {kind: kind.sum for kind in (Branches, CompiledBranches)}
    for kind in sums:
        monkeypatch.setattr(kind, "sum", taken)
    ours = outcome(copy.deepcopy(net), x)
    assert set(kinds) == {CompiledBranches}
    monkeypatch.setattr(compiled, "available", lambda: False)
    without = outcome(copy.deepcopy(net), x)
    assert kinds[-1] is Branches
    plain.fast = False
    expected = outcome(plain, x.double())
    for found in (ours, without):
        for a, b in zip(found, expected, strict=True):
            assert far(a, b) < 1e-4


def pools_of(stride: int) -> list[pools.Pool]:
    """Return the poolings of an edge of a DARTS cell."""
    return [nn.MaxPool2d(3, stride, 1), nn.AvgPool2d(3, stride, 1, count_include_pad=False)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mean", [0.0, 100.0])
@pytest.mark.parametrize(
    ("c", "size", "stride"),
    [(32, (8, 8), 1), (16, (7, 9), 1), (16, (8, 5), 2), (16, (1, 2), 1), (20, (6, 6), 2)],
)
def test_normalized_poolings_are_those_of_the_layers(c, size, stride, mean, threads):
    torch.manual_seed(0)
    states = [(torch.randn(3, c, *size) + mean).contiguous(memory_format=LAST) for _ in range(2)]
    kinds = [(0, pools_of(stride)[0]), (1, pools_of(stride)[1]), (0, pools_of(stride)[1])]
    grads = [torch.randn_like(pool(states[i])) for i, pool in kinds]
    exact = [x.double().requires_grad_() for x in states]
    expected = [nn.BatchNorm2d(c, affine=False).double()(pool(exact[i])) for i, pool in kinds]
    wanted = torch.autograd.grad(expected, exact, [grad.double() for grad in grads])
    given = [x.clone(memory_format=torch.preserve_format).requires_grad_() for x in states]
    assert all(pools.takes(given[i], pool) for i, pool in kinds)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = pools.normalized([(given[i], pool) for i, pool in kinds], 1e-5)
        gradients = torch.autograd.grad([out for out, _, _ in found], given, grads)
    finally:
        torch.set_num_threads(before)
    for (out, average, variance), other, (i, pool) in zip(found, expected, kinds, strict=True):
        pooled = pool(states[i].double())
        assert far(out.double(), other) < 1e-4
        torch.testing.assert_close(average.double(), pooled.mean((0, 2, 3)), rtol=1e-6, atol=1e-5)
        assert far(variance.double(), pooled.var((0, 2, 3), correction=0)) < 1e-4
    for a, b in zip(gradients, wanted, strict=True):
        assert far(a.double(), b) < 1e-4


def test_the_first_of_equal_values_gets_the_gradient_as_torch_s_does():
    x = torch.zeros(2, 16, 4, 4).contiguous(memory_format=LAST)
    x[0, :, 1, 1] = 1.0  # so that there is a variance
    ours, theirs = (x.clone(memory_format=torch.preserve_format) for _ in range(2))
    pool = nn.MaxPool2d(3, 1, 1)
    grad = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    ((out, _, _),) = pools.normalized([(ours.requires_grad_(), pool)], 1e-5)
    other = nn.BatchNorm2d(16, affine=False)(pool(theirs.requires_grad_()))
    (a,) = torch.autograd.grad(out, ours, grad)
    (b,) = torch.autograd.grad(other, theirs, grad)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(3, 1, 1),
        nn.AvgPool2d(3, 1, 1, count_include_pad=False, divisor_override=2),
        nn.AvgPool2d(2, 2, count_include_pad=False),
        nn.MaxPool2d(3, 1, 1, dilation=2),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.MaxPool2d(3, (1, 2), 1),
        nn.MaxPool2d(3, 1, 0),
    ],
)
def test_other_poolings_have_no_compiled_loops(pool):
    x = torch.randn(2, 16, 6, 6).contiguous(memory_format=LAST)
    assert not pools.takes(x, pool)
    assert pools.takes(x, nn.MaxPool2d((3, 3), (2, 2), (1, 1)))
    assert not pools.takes(x.double(), nn.MaxPool2d(3, 1, 1))
    assert not pools.takes(x[:, :8], nn.MaxPool2d(3, 1, 1))  # no channels-last memory


def test_the_kept_machine_code_is_of_the_vectors_that_are_there():
    """Numba keeps the code of a file until that file changes."""
    assert compiled.__file__ is not None
    folder = Path(compiled.__file__).parent
    for name in ("vectors", "products"):
        expected = hashlib.sha256((folder / f"{name}.py").read_bytes()).hexdigest()
        users = [m for m in (kernels, pool_kernels, fit_kernels) if hasattr(m, name.upper())]
        assert [getattr(user, name.upper()) for user in users] == [expected] * len(users)
        imported = [
            f for f in folder.glob("*kernels.py") if f"fast.{name} import" in f.read_text()
        ]
        assert {file.stem for file in imported} == {user.__name__.split(".")[-1] for user in users}


def test_a_norm_that_occurs_twice_or_tracks_nothing_is_left_to_torch():
    x = torch.randn(2, 16, 6, 6).contiguous(memory_format=LAST)
    branch, other = (Candidate(nn.Sequential(*unit(16, 3))).branch for _ in range(2))
    weight = torch.ones(2)
    numbers = [weight, *(p for one in (*branch, *other) for p in one.parameters)]
    assert compiled.takes([branch, other], [x, x], [], numbers)
    assert not compiled.takes([branch, branch], [x, x], [], numbers)
    layers = unit(16, 3)
    layers[-1].num_batches_tracked = None
    assert not compiled.takes([Candidate(nn.Sequential(*layers)).branch], [x], [], numbers)


def test_nan_is_not_hidden():
    case = Case(16, (6, 6))
    with torch.no_grad():
        case.layers[0][1].weight[0] = float("nan")
    total, gradients = case.found(case.layers)
    assert total.isnan().all()
    assert gradients[1].isnan().any()
    x = torch.randn(2, 16, 4, 4).contiguous(memory_format=LAST)
    x[1, 3, 2, 2] = float("nan")
    for pool in pools_of(1):
        ((out, mean, _),) = pools.normalized([(x, pool)], 1e-5)
        assert torch.equal(mean.isnan(), pool(x).mean((0, 2, 3)).isnan())
        assert torch.equal(out.isnan().any((0, 2, 3)), mean.isnan())


def test_a_second_derivative_of_poolings_is_refused():
    x = torch.randn(2, 16, 4, 4).contiguous(memory_format=LAST).requires_grad_()
    ((out, _, _),) = pools.normalized([(x, nn.MaxPool2d(3, 1, 1))], 1e-5)
    with pytest.raises(RuntimeError, match=r"set Mixture\.fast = False"):
        torch.autograd.grad(out.sum(), x, create_graph=True)


def test_states_without_gradient_get_none_and_cost_none():
    states = [torch.randn(2, 16, 4, 4).contiguous(memory_format=LAST) for _ in range(2)]
    states[1].requires_grad_()
    pool = nn.MaxPool2d(3, 1, 1)
    found = pools.normalized([(state, pool) for state in states], 1e-5)
    assert [out.requires_grad for out, _, _ in found] == [False, True]
    (alone,) = pools.normalized([(states[1], pool)], 1e-5)
    grad = torch.randn_like(states[0])
    both = [torch.autograd.grad(one[0], states[1], grad)[0] for one in (found[1], alone)]
    assert torch.equal(*both)


def test_neither_default_type_nor_an_extra_backward_pass_matters():
    case = Case(16, (6, 6))
    _, expected = case.found(copy.deepcopy(case.layers))
    torch.set_default_dtype(torch.float64)
    try:
        _, found = case.found(copy.deepcopy(case.layers))
    finally:
        torch.set_default_dtype(torch.float32)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)
    x = case.states[0].clone(memory_format=torch.preserve_format).requires_grad_()
    branch = Candidate(case.layers[0]).branch
    parameters = [p for unit in branch for p in unit.parameters]
    mixing = torch.ones(1)
    bundles = [Bundle((branch,), (0,))]
    out = branch_sum(CompiledBranches, bundles, mixing, [x], parameters, [])
    first, second = (torch.autograd.grad(out, x, case.grad, retain_graph=True) for _ in range(2))
    assert torch.equal(first[0], second[0])


def small_darts() -> Mixture:
    torch.manual_seed(0)
    arguments = {"channels": 8, "layers": 3, "nodes": 2}
    spec = DataSpec(2, 8, 8, 3)
    net = Mixture(Darts.supernet(spec, **arguments), Darts.describe(spec, **arguments))
    return net.to(memory_format=LAST).train()


def pictures() -> torch.Tensor:
    stream = torch.Generator().manual_seed(1)
    return torch.randn(16, 2, 8, 8, generator=stream).contiguous(memory_format=LAST)


def in_one_of_two(rank, folder):
    torch.set_num_threads(1)
    out, whole = outcome(small_darts(), pictures())
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank)}
    for group in range(2):  # as two searches of one program
        if rank == 1:
            compiled._agreed.cache_clear()  # its second search has a new process
        join(torch.device("cpu"), dist.FileStore(f"{folder}/store{group}", 2))
        net = small_darts()
        synchronize(net)
        mine, part = outcome(net, pictures()[rank::2].contiguous(memory_format=LAST))
        assert compiled.available()
        assert far(mine, out[rank::2]) < 1e-4
        processes.sum_(part)
        assert far(part, whole) < 1e-4
        leave()


def test_two_halves_are_one_batch(tmp_path):
    in_processes(in_one_of_two, (str(tmp_path),), 2)
