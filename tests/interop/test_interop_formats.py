"""Every format of others: read, written, and the same architecture after both."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.interop import foreign, zoo
from nasbench.interop.genotype import from_choices
from nasbench.interop.writing import WRITERS, genotype_of, write
from nasbench.space import DataSpec
from search_spaces.darts import Darts
from search_spaces.mbconv import MacroSpace, Proxyless
from search_spaces.nasbench201 import NasBench201

CIFAR = DataSpec(3, 32, 32, 10)
SPACES = {
    "darts": Darts,
    "nas-bench-201": NasBench201,
    "nas-bench-macro": MacroSpace,
    "proxyless": Proxyless,
}
FORMS = [(form, spaces[0]) for form, (spaces, _) in WRITERS.items()]


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("form", "space"), FORMS)
def test_architectures_come_back(form, space, count):
    domains = SPACES[space].describe(CIFAR)
    stream = np.random.default_rng(0)
    for _ in range(count):
        arch = domains.sample(stream)
        if form == "proxyless":  # depths cannot say that a block in between is skipped
            arch = domains.arch(_without_gaps(arch))
        found = foreign.read(write(form, space, arch, {}))
        assert found.space == space
        assert domains.arch(found.arch) == arch


def _without_gaps(arch):
    gone, found = set(), {}
    for label, value in arch.items():
        stage = label[:2]
        gone |= {stage} if value == "skip" else set()
        found[label] = "skip" if stage in gone else value
    return found


V2 = from_choices(
    Darts.describe(CIFAR, layers=3).arch(foreign.read(zoo.published("DARTS_V2").genotype).arch)
)


def _cells(text):
    return foreign.read(text).arch


@pytest.mark.parametrize("form", ["darts", "gdas", "fairdarts", "nni-2", "nni-3"])
def test_all_forms_of_a_genotype_say_the_same(form):
    text = write(form, "darts", _cells(str(V2)), {})
    assert genotype_of(_cells(text)) == V2


def _nni2(change):
    content = json.loads(write("nni-2", "darts", _cells(str(V2)), {}))
    return change(content)


NAMES = ["maxpool", "avgpool", "skipconnect", "sepconv3x3", "sepconv5x5", "dilconv3x3"]
NAMES += ["dilconv5x5"]


def _each(content, op, switch):
    return {
        key: (switch(key, value) if key.endswith("switch") else op(value))
        for key, value in content.items()
    }


def _hot(chosen, n):
    return [number in chosen for number in range(n)]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c,
        lambda c: {k: v for k, v in c.items() if v != []},
        lambda c: _each(c, lambda v: v if v == [] else NAMES[v], lambda k, v: v),
        lambda c: _each(c, lambda v: v if v == [] else _hot([v], 7), lambda k, v: v),
        lambda c: _each(c, lambda v: v, lambda k, v: _hot(v, int(k.split("_")[1][1:]))),
        lambda c: _each(c, lambda v: v, lambda k, v: [f"{k[:-6]}p{one}" for one in v]),
        lambda c: _each(c, lambda v: v, lambda k, v: [float(x) for x in _hot(v, int(k[-8]))]),
        lambda c: {k: {"_value": v, "_idx": 0} for k, v in c.items()},
    ],
    ids=["ints", "dropped", "names", "hot", "hot switch", "keys", "float hot", "classic"],
)
def test_all_values_that_nni_2_wrote(change):
    found = foreign.read(json.dumps(_nni2(change)))
    assert found.format == "nni-2"
    assert genotype_of(found.arch) == V2


def test_two_indices_are_no_multi_hot_list():
    """``[0, 1]`` for node 2 are both of its inputs, not its second one."""
    content = _nni2(lambda c: c)
    assert content["normal_n2_switch"] == [0, 1]
    assert foreign.read(json.dumps(content)).arch["normal/n2/switch"] == [0, 1]


def test_nni_3_tells_width_and_depth():
    text = write("nni-3", "darts", _cells(str(V2)), {"channels": 36, "layers": 20})
    content = json.loads(text)
    assert (content["width"], content["depth"], len(content)) == (36, 20, 34)
    assert foreign.read(text).arguments == {"channels": 36, "layers": 20}


def test_a_cell_of_nas_bench_201_in_three_forms():
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|"
    arch = foreign.read(text).arch
    # The edges in the order (1,2) (1,3) (1,4) (2,3) (2,4) (3,4); skip, none, 3x3, 1x1, avg.
    assert json.loads(write("naslib", "nas-bench-201", arch, {})) == [2, 1, 4, 0, 3, 1]
    assert foreign.read("(2, 1, 4, 0, 3, 1)").arch == arch
    keys = json.loads(write("nni-201", "nas-bench-201", arch, {}))
    assert keys["0_1"] == "nor_conv_3x3"
    assert keys["1_3"] == "nor_conv_1x1"


def test_depths_of_proxyless():
    content = {f"s{stage}_depth": 1 for stage in range(2, 8)}
    content |= {f"s{stage}_i0": "k3e6" for stage in range(2, 8)}
    arch = Proxyless.describe(CIFAR).arch(foreign.read(json.dumps(content)).arch)
    assert (arch["s2_i0"], arch["s2_i1"], arch["s6_i3"]) == ("k3e6", "skip", "skip")


ONE = "('sep_conv_3x3', 0), ('sep_conv_3x3', 1)"
BAD = {
    "of no known format": "hello",
    "node 2 reads 3": f"Genotype(normal=[('a', 0), ('b', 3)], reduce=[{ONE}])",
    "the cell's output is [9]": f"Genotype(normal=[{ONE}], normal_concat=[9], reduce=[{ONE}])",
    "not a DARTS genotype": "Genotype(normal=[('a', 0)])",
    "connects=": f"Genotype(normal=[{ONE}], reduce=[{ONE}], connects=[1])",
    "unknown field of a genotype 'nrmal'": f"Genotype(normal=[{ONE}], reduce=[{ONE}], nrmal=1)",
    "normal_n2_switch is [0]": json.dumps(_nni2(lambda c: {**c, "normal_n2_switch": [0]})),
    "reduce_n5_switch is missing": json.dumps(
        _nni2(lambda c: {k: v for k, v in c.items() if k != "reduce_n5_switch"})
    ),
    "normal_n2_p0 is 7": json.dumps(_nni2(lambda c: {**c, "normal_n2_p0": 7})),
    "unknown operation of normal_n2_p0 'sep'": json.dumps(
        _nni2(lambda c: {**c, "normal_n2_p0": "sep"})
    ),
    "normal/op_2_1 is missing": '{"normal/op_2_0": "a", "normal/input_2_0": [0]}',
    "normal/input_2_0 is [0, 1]": '{"normal/op_2_0": "a", "normal/input_2_0": [0, 1]}',
    "2_3 is missing": json.dumps(dict.fromkeys(["0_1", "0_2", "0_3", "1_2", "1_3"], "none")),
    "six of 0 to 4": "[1, 2, 3]",
    "s3_i0 is missing": json.dumps({f"s2_i{block}": "k3e6" for block in range(4)}),
    "s2_depth is 9": '{"s2_depth": 9}',
    "unknown operation of NAS-Bench-201 'conv'": "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|",
}


@pytest.mark.parametrize("words", BAD)
def test_what_cannot_be_read_is_named(words):
    with pytest.raises(UserError) as caught:
        foreign.read(BAD[words])
    assert words in str(caught.value)


def test_what_cannot_be_written_is_named():
    with pytest.raises(UserError, match="nni-2 holds architectures of darts or darts-cells"):
        write("nni-2", "nas-bench-201", {}, {})
    with pytest.raises(UserError, match="unknown format 'onx'"):
        write("onx", "darts", {}, {})
    wide = "Genotype(normal=[('sep_conv_7x7', 0), ('none', 1)], reduce=[('none', 0), ('none', 1)])"
    found = foreign.read(wide)
    assert found.space == "darts-cells"
    with pytest.raises(UserError, match="normal node 2: sep_conv_7x7: nni-2 has no such"):
        write("nni-2", "darts-cells", found.arch, {})
    three = f"Genotype(normal=[('none', 2, 0)], reduce=[{ONE}])"
    with pytest.raises(UserError, match="darts holds nodes of two edges: take fairdarts"):
        write("darts", "darts-cells", foreign.read(three).arch, {})
    gap = {f"s{stage}_i{block}": "k3e3" for stage in range(2, 8) for block in range(4)}
    with pytest.raises(UserError, match="stage 3: block 1 is skipped and a later one is not"):
        write("proxyless", "proxyless", {**gap, "s3_i1": "skip"}, {})


def test_a_format_can_be_named():
    with pytest.raises(UserError, match="expected a JSON object"):
        foreign.read("02012100", "nni-2")
    with pytest.raises(UserError, match="unknown format 'nni2': did you mean nni-2"):
        foreign.read("02012100", "nni2")
