import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from nasbench.errors import UserError
from nasbench.report.dot import FAMILIES
from nasbench.report.drawing import Edge, Graph, dot_source, draw, generic_graph, kind_of

CELL = Graph(
    "normal cell",
    ("c_{k-2}", "c_{k-1}"),
    "c_{k}",
    (
        Edge("c_{k-2}", "0", "sep_conv_3x3", "separable"),
        Edge("c_{k-1}", "0", "max_pool_3x3", "pool", weight=3.0),
        Edge("0", "c_{k}", "", "none"),
    ),
)


@pytest.fixture
def without_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def texts(path):
    return {
        "".join(element.itertext())
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith("text")
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("sep_conv_3x3", "separable"), ("sepconv5x5", "separable"), ("k3e6", "separable")),
        *(("dil_conv_5x5", "dilated"), ("max_pool_3x3", "pool"), ("avgpool", "pool")),
        *(("skip_connect", "skip"), ("identity", "skip"), ("conv3", "conv")),
        *(("nor_conv_1x1", "conv"), ("none", "none"), ("zero", "none"), ("gelu", "other")),
    ],
)
def test_operations_fall_into_families(name, kind):
    assert kind_of(name) == kind


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_text_stands_out_from_its_box(family):
    light, dark = sorted((luminance(family.fill), luminance(family.text)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG AA


def test_svg_shows_operations_titles_and_the_legend_of_what_occurs(tmp_path, without_program):
    result = draw([CELL], tmp_path / "cell.v1")
    assert result.note is None
    assert result.paths == (tmp_path / "cell.v1.svg",)
    shown = texts(result.paths[0])
    assert {"normal cell", "sep_conv_3x3", "max_pool_3x3", "pooling"} <= shown
    assert "separable convolution" in shown
    assert not {"dilated convolution", "skip connection", "no connection"} & shown


def test_inputs_stand_left_and_the_output_right(tmp_path, without_program):
    (path,) = draw([CELL], tmp_path / "cell").paths
    place = {
        "".join(element.itertext()): float(element.get("x"))
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith("text")
    }
    assert place["k-2"] == place["k-1"] < place["sep_conv_3x3"] < place["0"] < place["k"]


def test_each_format_is_written(tmp_path, without_program):
    result = draw([CELL], tmp_path / "new" / "cell", ("png", "pdf", "dot"))
    starts = [path.read_bytes()[:4] for path in result.paths]
    assert starts == [b"\x89PNG", b"%PDF", b"digr"]


def test_heavier_edges_are_thicker():
    widths = {
        float(width) for width in re.findall(r"penwidth=(\d+\.\d+), arr", dot_source([CELL]))
    }
    assert widths == {1.4, 4.2}


def test_hostile_labels_are_shown_as_they_are(tmp_path, without_program):
    label = 'a "b" \\n <i> & \\'
    graph = Graph(label, ("in<",), "x_{<b>}", (Edge("in<", "x_{<b>}", label, "other"),))
    (path,) = draw([graph], tmp_path / "odd").paths
    assert {label, "in<", "<b>"} <= texts(path)


def test_choices_form_a_chain_that_breaks_into_lines(tmp_path, without_program):
    choices = {f"block{number}": "conv3" for number in range(14)}
    graph = generic_graph("net", choices)
    assert graph.is_chain
    assert (graph.inputs, graph.output, len(graph.edges)) == (("input",), "output", 15)
    (path,) = draw([graph], tmp_path / "chain").paths
    rows = {}
    for element in ElementTree.parse(path).iter():
        if element.tag.endswith("text"):
            rows.setdefault("".join(element.itertext()), []).append(float(element.get("y")))
    assert rows["input"][0] < max(rows["block6"]) < max(rows["block12"])
    assert max(rows["block12"]) == pytest.approx(rows["output"][0], abs=1)


def test_choices_called_input_and_output_do_not_close_the_chain():
    graph = generic_graph("net", {"input": "conv", "output": "pool"})
    assert graph.nodes == ["input*", "input", "output", "output*"]


def test_no_choices_still_draw():
    assert generic_graph("fixed", {}).nodes == ["input", "output"]


def test_without_graphviz_the_source_is_written_and_the_note_says_what_to_install(
    tmp_path, without_program, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    result = draw([CELL], tmp_path / "cell", ("svg", "png"))
    assert result.paths == (tmp_path / "cell.dot",)
    assert result.paths[0].read_text() == dot_source([CELL])
    assert "pip install pygraphviz" in result.note
    assert "\n" not in result.note


def test_program_on_the_path_is_used(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n/bin/cat > /dev/null; echo drawn by the program\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (path,) = draw([CELL], tmp_path / "cell").paths
    assert path.read_text().strip() == "drawn by the program"


def test_broken_program_gives_way_to_the_library(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n/bin/cat > /dev/null; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (path,) = draw([CELL], tmp_path / "cell").paths
    assert "normal cell" in texts(path)


def test_unknown_drawing_format_is_refused(tmp_path):
    with pytest.raises(UserError, match="unknown drawing format 'gif'"):
        draw([CELL], tmp_path / "cell", ("gif",))
