"""Architectures as they lie in public repositories: read, or refused by what they are."""

from __future__ import annotations

import json
import re
import time

import pytest

from nasbench.engine.checkpoints import open_checkpoint
from nasbench.errors import UserError
from nasbench.interop import foreign, genotype_text, zoo
from nasbench.interop.genotype import Cell
from nasbench.space import DataSpec
from search_spaces.darts_cells import DartsCells

V1, V2 = (zoo.published(name).genotype for name in ("DARTS_V1", "DARTS_V2"))
FIRST, SECOND = map(genotype_text.parse, (V1, V2))
ONE = "('sep_conv_3x3', 0), ('sep_conv_3x3', 1)"
SMALL = f"[{ONE}]"
HEAD = "from collections import namedtuple\nGenotype = namedtuple('Genotype', 'normal reduce')\n"


@pytest.mark.parametrize(
    "text",
    [
        f"DARTS_V2 = {V2}\nDARTS = DARTS_V2",
        f"DARTS: Genotype = {V2}",
        f"import genotypes\nDARTS = genotypes.{V2}",
        f"DARTS_V2 = DARTS = {V2}",
        f"A, DARTS = {V1}, {V2}",
        f"DARTS = {V1}\nDARTS = {V2}",
        f"\N{ZERO WIDTH NO-BREAK SPACE}{HEAD}DARTS = {V2}",
        "DARTS = " + V2.replace("[2, 3, 4, 5]", "list(range(2, 6))"),
        "DARTS = " + V2.replace("[2, 3, 4, 5]", "np.arange(2, 6)"),
        "DARTS = " + V2.replace("[2, 3, 4, 5]", "array([2, 3, 4, 5])"),
        "DARTS = " + V2.replace(", 0)", ", np.int64(0))"),
        "DARTS = " + V2.replace("'skip_connect'", "np.str_('skip_connect')"),
        "DARTS = " + re.sub(r"\b(normal|reduce)(_concat)?=", "", V2),
        "OUT = range(2, 6)\nDARTS = " + V2.replace("[2, 3, 4, 5]", "OUT"),
    ],
    ids=lambda text: text[:30],
)
def test_what_people_write_in_a_python_file(text):
    assert genotype_text.parse_file(text, "DARTS") == SECOND


def test_an_alias_has_the_value_at_its_place():
    text = f"CELL = {V1}\nOLD = CELL\nCELL = {V2}\nNEW = CELL"
    assert genotype_text.parse_file(text, "OLD") == FIRST
    assert genotype_text.parse_file(text, "NEW") == SECOND
    edges = f"E = {SMALL}\nA = Genotype(normal=E, reduce=E)\nE = []"
    assert genotype_text.parse_file(edges, None).normal == Cell.of(
        [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)]
    )


def test_one_genotype_of_two_names_needs_no_name():
    assert genotype_text.parse_file(f"{HEAD}A = {V2}\nDARTS = A", None) == SECOND
    with pytest.raises(UserError, match="The file has A, B; write"):
        genotype_text.parse_file(f"A = {V1}\nB = {V2}", None)


def _fields(genotype):
    cells = {"normal": genotype.normal, "reduce": genotype.reduce}
    content = {kind: cell.pairs for kind, cell in cells.items()}
    return {**content, **{f"{kind}_concat": cell.concat for kind, cell in cells.items()}}


@pytest.mark.parametrize("write", [json.dumps, str], ids=["json", "python"])
def test_the_four_fields_as_a_mapping(write):
    found = foreign.read(write(_fields(SECOND)))
    assert (found.format, found.space) == ("genotype", "darts")
    assert found.arch == foreign.read(V2).arch


@pytest.mark.parametrize("name", ["cells.json", "cells.py", "cells.txt"])
def test_a_byte_order_mark_is_passed_over(tmp_path, name):
    text = json.dumps(_fields(SECOND)) if name.endswith("json") else V2
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert open_checkpoint(str(tmp_path / name)).arch == dict(foreign.read(V2).arch)


FAIR = (
    "Genotype(normal=[('sep_conv_3x3', 2, 0), ('dil_conv_3x3', 4, 0), ('skip_connect', 5, 3), "
    f"('sep_conv_5x5', 5, 1)], normal_concat=range(2, 6), reduce={SMALL})"
)


def test_a_node_of_fairdarts_without_input_is_left_out():
    cell = genotype_text.parse(FAIR).normal
    assert cell.concat == (2, 4, 5)
    assert cell.triples == (("sep_conv_3x3", 2, 0), ("dil_conv_3x3", 4, 0), ("sep_conv_5x5", 5, 1))


def test_nodes_that_lose_their_only_input_are_left_out_too():
    edges = "('none', 2, 0), ('none', 4, 3), ('none', 5, 4)"
    text = f"Genotype(normal=[{edges}], normal_concat=range(2, 6), reduce={SMALL})"
    cell = genotype_text.parse(text).normal
    assert (cell.concat, cell.triples) == ((2,), (("none", 2, 0),))
    forms = (str, genotype_text.triples, genotype_text.nested)
    assert all(genotype_text.parse(f(genotype_text.parse(text))).normal == cell for f in forms)


def test_fairdarts_a_has_the_size_that_its_authors_report():
    """2.83 M parameters, for 20 cells of 36 channels and the auxiliary classifier on CIFAR-10."""
    text = (
        "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_5x5', 2, 1), ('max_pool_3x3', 4, 0), "
        "('sep_conv_3x3', 5, 0)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 2, 0), "
        "('avg_pool_3x3', 2, 1), ('avg_pool_3x3', 3, 0), ('dil_conv_5x5', 3, 1), "
        "('avg_pool_3x3', 4, 0), ('sep_conv_5x5', 4, 1), ('skip_connect', 5, 0), "
        "('skip_connect', 5, 1)], reduce_concat=range(2, 6))"
    )
    more = {"genotype": text, "channels": 36, "layers": 20, "auxiliary": True}
    spec = DataSpec(3, 32, 32, 10)
    (arch,) = DartsCells.describe(spec, **more).enumerate()
    network = DartsCells.freeze(arch, spec, **more)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(2.83e6, abs=1e4)


NASLIB = foreign.read("[2, 1, 4, 0, 3, 1]").arch


@pytest.mark.parametrize(
    "text",
    [
        "[2 1 4 0 3 1]",
        "[ 2  1 4\n 0 3 1 ]",
        "array([2, 1, 4, 0, 3, 1])",
        "[np.int64(2), np.int64(1), np.int64(4), np.int64(0), np.int64(3), np.int64(1)]",
        "(2, 1, 4, 0, 3, 1,)",
    ],
)
def test_indices_as_numpy_prints_them(text):
    assert foreign.read(text).arch == NASLIB


UNREAD = {
    "Structure([(('nor_conv_3x3', 0),)])": "a Structure(...) of AutoDL-Projects: it is not read",
    "ResNet = Structure([(('nor_conv_3x3', 0),)])": "a Structure(...) of AutoDL-Projects",
    "Structure(4 nodes with |none~0|+|none~0|none~1|)": "a Structure(...) of AutoDL-Projects",
    "[[0, 1, 1], [0, 0, 1], [0, 0, 0]]": "a cell of NAS-Bench-101",
    '[[[0, 1], [0, 0]], ["input", "output"]]': "a cell of NAS-Bench-101",
    '{"matrix": [[0, 1], [0, 0]], "ops": ["input", "output"]}': "a cell of NAS-Bench-101",
    '{"module_adjacency": [[0, 1], [0, 0]]}': "a cell of NAS-Bench-101",
    "api.ModelSpec(matrix=[[0, 1], [0, 0]], ops=['input', 'output'])": "a cell of NAS-Bench-101",
    '{"name": "ProxylessNASNets", "first_conv": {}, "blocks": []}': "of a ProxylessNAS network",
    '{"name": "MobileNetV3", "first_conv": {}, "blocks": []}': "of a once-for-all network",
    "{'wid': None, 'ks': [3, 5], 'e': [3, 6], 'd': [2, 3]}": "of a once-for-all network",
    '{"lr": {"_type": "uniform", "_value": [0, 1]}}': "a search space of NNI, not an architecture",
    '{"NetworkSelectorDatasetInfo:darts:edge_normal_0": "none"}': "of NAS-Bench-301",
    "Genotype(recurrent=[('relu', 0)], concat=range(1, 9))": "a recurrent cell",
    '{"recurrent": [["relu", 0]], "concat": [1]}': "a recurrent cell",
}


@pytest.mark.parametrize("text", UNREAD)
def test_what_is_not_read_is_called_by_its_name(text):
    with pytest.raises(UserError) as caught:
        foreign.read(text)
    assert UNREAD[text] in str(caught.value)


BAD = {
    "[2, 1, 4, 0, 3, 1)": "six numbers in brackets are expected",
    "[01, 1, 4, 0, 3, 1]": "'01' is no whole number from 0 to 4",
    f"[{'9' * 5000} 1]": "is no whole number from 0 to 4",
    f"Genotype(normal={SMALL}, normal_concat=range(0, 99999999999), reduce={SMALL})": "1000 items",
    f"Genotype(normal={SMALL}, normal_concat=range(0, 9, 0), reduce={SMALL})": "range(0, 9, 0)",
    f"Genotype(normal=[('none', 999999999, 0)], reduce={SMALL})": "from 2 to 101",
    f"Genotype(normal={SMALL}, normal_concat={[2] * 101}, reduce={SMALL})": "the most",
    f"Genotype(normal={SMALL}, normal_concat=[2.0], reduce={SMALL})": "2.0 is no number",
    f"Genotype(normal={SMALL}, normal_concat=5, reduce={SMALL})": "not a DARTS genotype",
    f"Genotype(normal=[('none', True), ('none', 0)], reduce={SMALL})": "True is no number",
    f"Genotype({SMALL}, [2], {SMALL}, [2], None, None, 1)": "a genotype of 7 fields",
    f"Genotype({SMALL}, normal={SMALL}, reduce={SMALL})": "normal= is given twice",
    f"Genotype(**x, normal={SMALL})": "not a DARTS genotype",
    f"open('x').read(Genotype(normal={SMALL}))": "not a DARTS genotype",
    f"2024-01-01 genotype = Genotype(normal={SMALL}, reduce={SMALL})": "not a DARTS genotype",
    f"Genotype(normal={'[' * 5000}, reduce={SMALL})": "not a DARTS genotype",
    f"Genotype(normal={'-' * 50_000}1, reduce={SMALL})": "not a DARTS genotype",
    "Genotype(normal=[], reduce=[])": "the cell's output is []",
    "Genotype(normal='\\d', reduce=[])": "is no list of edges",
    '{"normal": 3, "reduce": {}}': "3 is no list of edges",
    '{"a": {"b": 1}}': "of no known format",
    f'{{"normal_n{"9" * 5000}_p0": 1}}': "unknown space",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40])
def test_what_is_wrong_is_named_at_once(text, tmp_path):
    (tmp_path / "cells.txt").write_text(text)
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        open_checkpoint(str(tmp_path / "cells.txt"))
    assert time.process_time() - start < 1
    assert BAD[text] in str(caught.value)
    assert len(str(caught.value).removeprefix(str(tmp_path))) < 500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DARTS_V3", "unknown genotype 'DARTS_V3': did you mean DARTS_V2"),
        ("OPS", "OPS is not a genotype: expected Genotype("),
        ("ELSEWHERE", "ELSEWHERE is not a genotype: other.DARTS: expected"),
        ("Genotype", "Genotype is not a genotype: namedtuple("),
        ("RNN", "a recurrent cell"),
    ],
)
def test_a_name_that_is_no_genotype(name, words):
    text = (
        f"{HEAD}import other\nOPS = ['none']\nDARTS_V2 = {V2}\nELSEWHERE = other.DARTS\n"
        "RNN = Genotype(recurrent=[], concat=[])"
    )
    with pytest.raises(UserError) as caught:
        genotype_text.parse_file(text, name)
    assert words in str(caught.value)
