"""What architectures cost, and which limits can be kept."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from engine_parts import Nested, Tiny, params

from nasbench.config import SearchConfig
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import parameter_count
from nasbench.engine.limits import FEW, Limits, cost_measure, journaled, limits_of
from nasbench.engine.problem import Problem
from nasbench.errors import UserError
from nasbench.space import Arch, DataSpec, Domains, LayerChoice, SearchSpace
from nasbench.space.domain import Condition, Domain
from nasbench.store.journal import Journal
from search_spaces.darts import Darts

SPEC = DataSpec(1, 8, 8, 10)
CPU = torch.device("cpu")


def problem(space: type[SearchSpace], **arguments) -> Problem:
    task = SimpleNamespace(spec=SPEC)
    return Problem(task, space, arguments, space.describe(SPEC, **arguments))


def test_parameters_and_macs_are_those_of_the_network():
    tiny = problem(Tiny)
    measure = cost_measure(tiny, CPU)
    for arch in tiny.domains.enumerate():
        network = Tiny.freeze(arch, SPEC)
        assert measure(arch, "params") == parameter_count(network) == params(arch)
        assert measure(arch, "macs") == multiply_adds(network, SPEC.shape)
    # A 3x3 convolution of 4 channels on 8x8 pixels, less a 1x1 one.
    first = {"second": "skip", "join": (1,)}
    three, one = (measure(Arch({"first": f, **first}), "macs") for f in ("conv3", "conv1"))
    assert three - one == 8 * 8 * 4 * 4 * (9 - 1)


def test_what_serves_training_alone_is_no_part_of_the_network():
    arguments = {"channels": 4, "layers": 3}
    plain, helped = (problem(Darts, auxiliary=a, **arguments) for a in (False, True))
    arch = plain.domains.completed({})
    costs = [cost_measure(one, CPU)(arch, "params") for one in (plain, helped)]
    assert costs[0] == costs[1] == parameter_count(Darts.freeze(arch, SPEC, **arguments))


def test_latency_is_measured_on_the_device():
    tiny = problem(Tiny)
    arch = tiny.domains.completed({})
    assert 0 < cost_measure(tiny, CPU)(arch, "latency_ms") < math.inf


class Reading(SearchSpace):
    """A space whose constructor reads a value, which the meta device cannot."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        size = int(torch.ones(1).item()) * 3
        self.layer = LayerChoice({"a": lambda: torch.nn.Linear(64, size)}, label="layer")

    def forward(self, x):
        return self.layer(x.flatten(1))


def test_a_constructor_that_reads_values():
    reading = problem(Reading)
    assert cost_measure(reading, CPU)(Arch({"layer": "a"}), "params") == 64 * 3 + 3


def test_measuring_leaves_the_random_stream_alone():
    tiny, before = problem(Tiny), torch.random.get_rng_state()
    arch = tiny.domains.completed({})
    for name in ("params", "macs", "latency_ms"):
        cost_measure(tiny, CPU)(arch, name)
        cost_measure(problem(Reading), CPU)(Arch({"layer": "a"}), name)
    assert torch.equal(before, torch.random.get_rng_state())


def costs(limits: dict[str, float], of: dict[str, float]) -> tuple[Limits, list[str]]:
    names: list[str] = []

    def measure(arch: Arch, name: str) -> float:
        names.append(name)
        return of[name]

    return Limits(limits, measure), names


def test_violation_is_the_sum_of_the_shares_over_the_limits():
    arch = Arch({})
    limits, _ = costs({"params": 100, "macs": 10}, {"params": 150.0, "macs": 12.0})
    assert limits.violation(arch) == pytest.approx(0.5 + 0.2)
    limits, _ = costs({"params": 100, "macs": 10}, {"params": 100.0, "macs": 5.0})
    assert limits.violation(arch) == 0
    assert Limits({}, lambda arch, name: 1 / 0).violation(arch) == 0


def test_latency_is_measured_once_and_only_where_the_rest_fits():
    arch = Arch({})
    limits, names = costs({"params": 100, "latency_ms": 1.0}, {"params": 150, "latency_ms": 2})
    assert limits.violation(arch) == pytest.approx(0.5)
    assert names == ["params"]
    limits, names = costs({"params": 100, "latency_ms": 1.0}, {"params": 50, "latency_ms": 2})
    assert [limits.violation(arch) for _ in range(3)] == [1.0] * 3
    assert names == ["params", "latency_ms"]


def refused(limits: Limits, domains: Domains) -> str:
    with pytest.raises(UserError) as error:
        limits.check_possible(domains, seed=0)
    return str(error.value)


@pytest.mark.parametrize("space", [Tiny, Nested])
@pytest.mark.parametrize("name", ["params", "macs"])
def test_an_impossible_limit_is_told_with_the_smallest_value_there_is(space, name):
    here = problem(space)
    counted = {
        "params": parameter_count,
        "macs": lambda network: multiply_adds(network, SPEC.shape),
    }[name]
    smallest = min(counted(space.freeze(arch, SPEC)) for arch in here.domains.enumerate())
    limits = Limits({name: smallest - 1}, cost_measure(here, CPU))
    word = {"params": "parameters", "macs": "multiply-adds"}[name]
    assert refused(limits, here.domains) == (
        f"--max-{name} {smallest - 1:g}: no architecture of this space is within this limit: "
        f"the smallest possible has {smallest:,} {word}"
    )
    Limits({name: smallest}, cost_measure(here, CPU)).check_possible(here.domains, seed=0)


def large(layers: int) -> Domains:
    """Seven kinds of layers, and inputs to choose two of."""
    options = tuple("abcdefg")
    made = [Domain(f"layer{i}", "layer", options) for i in range(layers)]
    made += [Domain(f"inputs{i}", "input", tuple(range(4)), n_chosen=2) for i in range(layers)]
    deep = ((Condition("layer0", frozenset({"g"})),),)
    return Domains([*made, Domain("below", "value", (1, 2, 3), sites=deep)])


def additive(arch: Arch, name: str) -> float:
    """Costs that add up, each decision's smallest in another place; 2 + 1 + 1 a layer at least."""
    total = 0.0
    for label, value in arch.items():
        if label.startswith("layer"):
            total += 2 + (ord(str(value)) - ord("c")) ** 2
        elif isinstance(value, tuple):
            total += sum(1 + abs(place - 1.5) // 1 for place in value)
        else:
            total += float(value)
    return total


def test_the_smallest_of_a_large_space_is_found_by_descending():
    domains = large(12)
    assert domains.size > FEW
    line = refused(Limits({"params": 47.0}, additive), domains)
    assert line == (
        "--max-params 47: no architecture of this space is within this limit: "
        "the smallest found has 48 parameters"
    )
    Limits({"params": 48.0}, additive).check_possible(domains, seed=0)
    assert refused(Limits({"params": 1.0}, additive), domains) == refused(
        Limits({"params": 1.0}, additive), domains
    )


def test_an_impossible_latency_tells_the_one_of_the_smallest_network():
    domains = large(3)

    def measure(arch: Arch, name: str) -> float:
        return additive(arch, name) / (100 if name == "latency_ms" else 1)

    assert refused(Limits({"latency_ms": 0.1}, measure), domains) == (
        "--max-latency 0.1: no architecture of this space is within this limit: "
        "the smallest found has 0.12 ms"
    )


def test_latency_is_measured_for_few(monkeypatch):
    measurements = []

    def measure(arch: Arch, name: str) -> float:
        measurements.append(name)
        return additive(arch, name)

    Limits({"latency_ms": 1e9}, measure).check_possible(large(3), seed=0)
    assert measurements == ["latency_ms"]


def test_the_cheap_limits_come_first():
    config = SearchConfig(max_latency=3.0, max_macs=5, max_params=7)
    assert list(limits_of(config).items()) == [("params", 7), ("macs", 5), ("latency_ms", 3.0)]
    assert limits_of(SearchConfig()) == {}


def test_latencies_are_noted_so_that_a_continued_search_decides_as_before(tmp_path):
    tiny, values = problem(Tiny), iter([1.25, 7.5, 0.1 + 0.2])
    running = SimpleNamespace(
        folder=SimpleNamespace(journal=Journal(Path(tmp_path) / "journal.jsonl")), leads=True
    )

    def measure(arch: Arch, name: str) -> float:
        return next(values) if name == "latency_ms" else 3.0

    one, two, three, *_ = tiny.domains.enumerate()
    first = journaled(measure, tiny.domains, running)
    assert [first(arch, "latency_ms") for arch in (one, two, one)] == [1.25, 7.5, 1.25]
    assert first(one, "params") == 3.0
    again = journaled(measure, tiny.domains, running)
    assert [again(arch, "latency_ms") for arch in (two, one, three)] == [7.5, 1.25, 0.1 + 0.2]
    third = journaled(lambda arch, name: 1 / 0, tiny.domains, running)
    assert third(three, "latency_ms") == 0.1 + 0.2
    assert len(running.folder.journal.events("latency")) == 3


def test_processes_that_do_not_lead_write_nothing(tmp_path):
    tiny = problem(Tiny)
    journal = Journal(Path(tmp_path) / "journal.jsonl")
    running = SimpleNamespace(folder=SimpleNamespace(journal=journal), leads=False)
    arch = tiny.domains.completed({})
    assert journaled(lambda arch, name: 2.0, tiny.domains, running)(arch, "latency_ms") == 2.0
    assert journal.events() == []
