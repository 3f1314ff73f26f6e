import re
import sys
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace

import pytest

from nasbench.errors import UserError
from nasbench.graph import mixed_cell_graph, mixture_graph
from nasbench.report.canvas.styles import FAMILIES, STYLES, colour
from nasbench.report.drawing import Edge, Graph, dot_source, draw, generic_graph, kind_of
from nasbench.report.frames import write_frames

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


@pytest.mark.parametrize("look", [("color", False), ("color", True), ("paper", False)])
@pytest.mark.parametrize("family", FAMILIES)
def test_text_stands_out_from_its_box(family, look):
    both = (luminance(colour(name, *look)) for name in (f"fill:{family}", "ink"))
    dark, light = sorted(both)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG AA


def test_paper_is_black_and_white():
    for family in FAMILIES:
        for role in ("fill", "edge"):
            red, green, blue = (
                colour(f"{role}:{family}", "paper")[at : at + 2] for at in (1, 3, 5)
            )
            assert red == green == blue


def places(path):
    return {
        "".join(element.itertext()): (float(element.get("x")), float(element.get("y")))
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith("text")
    }


def test_svg_shows_operations_titles_and_the_legend_of_what_occurs(tmp_path, without_program):
    result = draw([CELL], tmp_path / "cell.v1")
    assert result.note is None
    assert result.paths == (tmp_path / "cell.v1.svg",)
    shown = texts(result.paths[0])
    assert {"normal cell", "sep_conv_3x3", "max_pool_3x3", "pooling"} <= shown
    assert "separable convolution" in shown
    assert not {"dilated convolution", "skip connection", "no connection"} & shown


def test_inputs_stand_left_in_their_order_and_the_output_right(tmp_path, without_program):
    (path,) = draw([CELL], tmp_path / "cell").paths
    place = places(path)
    earlier, later = place["k\N{EN DASH}2"], place["k\N{EN DASH}1"]
    assert earlier[0] == later[0] < place["sep_conv_3x3"][0] < place["0"][0] < place["k"][0]
    assert earlier[1] < later[1]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("width", [8.5, 17.5])
def test_a_cell_fits_its_page_and_keeps_its_nodes_in_order(tmp_path, first, width):
    names = ["c_{k-2}", "c_{k-1}", "0", "1", "2", "3"]
    edges = [
        Edge(names[source], names[2 + node], "sep_conv_3x3")
        for node in range(4)
        for source in (first, min(1 + node, 1 - first + node))
    ]
    edges += [Edge(name, "c_{k}", "") for name in names[2:]]
    cell = Graph("cell", ("c_{k-2}", "c_{k-1}"), "c_{k}", tuple(edges))
    (path,) = draw([cell], tmp_path / "cell", width=width).paths
    place, root = places(path), ElementTree.parse(path).getroot()
    assert float(root.get("width").removesuffix("pt")) <= width / 2.54 * 72 + 0.01
    earlier, later = place["k\N{EN DASH}2"], place["k\N{EN DASH}1"]
    along = 0 if earlier[0] == later[0] else 1  # from left to right, or top down
    order = [place[name][along] for name in ("k\N{EN DASH}2", "0", "1", "2", "3", "k")]
    assert order == sorted(order)
    assert earlier[1 - along] < later[1 - along]


def test_each_format_is_written(tmp_path, without_program):
    result = draw([CELL], tmp_path / "new" / "cell", ("png", "pdf", "dot"))
    starts = [path.read_bytes()[:4] for path in result.paths]
    assert starts == [b"\x89PNG", b"%PDF", b"digr"]


def test_a_png_has_the_pixels_of_its_size_in_print(tmp_path):
    from PIL import Image

    (path, vector) = draw([CELL], tmp_path / "cell", ("png", "svg")).paths
    points = float(ElementTree.parse(vector).getroot().get("width").removesuffix("pt"))
    with Image.open(path) as image:
        assert image.width == pytest.approx(points / 72 * 300, abs=1)
        assert image.info["dpi"] == pytest.approx((300, 300), rel=0.01)


def test_text_in_a_pdf_is_text_and_its_fonts_are_embedded(tmp_path):
    (path,) = draw([CELL], tmp_path / "cell", ("pdf",)).paths
    raw = path.read_bytes()
    assert raw.count(b"/FontFile2") == 2
    streams = [part.split(b"stream\n")[1] for part in raw.split(b"endstream")[:-1]]
    assert b"(sep_conv_3x3) Tj" in zlib.decompress(streams[0])
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", raw), 1):
        assert raw[int(place) :].startswith(b"%d 0 obj" % number)


def test_an_svg_follows_a_dark_page_and_paper_does_not(tmp_path):
    (colored,) = draw([CELL], tmp_path / "cell").paths
    (paper,) = draw([CELL], tmp_path / "paper", style="paper").paths
    assert "prefers-color-scheme:dark" in colored.read_text()
    assert "prefers-color-scheme" not in paper.read_text()
    used = {found.upper() for found in re.findall(r"#[0-9A-Fa-f]{6}", paper.read_text())}
    assert all(shade[1:3] == shade[3:5] == shade[5:7] for shade in used)


def test_heavier_edges_are_thicker(tmp_path):
    (path,) = draw([CELL], tmp_path / "cell").paths
    paths = [e for e in ElementTree.parse(path).iter() if e.tag.endswith("path")]
    widths = [float(element.get("stroke-width")) for element in paths]
    assert sorted(set(widths)) == [0.7, 0.8, 2.4]


def test_hostile_labels_are_shown_as_they_are(tmp_path, without_program):
    label = 'a "b" \\n <i> & \\'
    graph = Graph(label, ("in<",), "x_{<b>}", (Edge("in<", "x_{<b>}", label, "other"),))
    (path,) = draw([graph], tmp_path / "odd").paths
    assert {label, "in<", "<b>"} <= texts(path)
    assert draw([graph], tmp_path / "odd", ("png", "pdf", "dot")).note is None


def test_signs_that_no_font_has_are_no_error(tmp_path):
    graph = Graph("单元\x00", ("输入",), "输出", (Edge("输入", "输出", "卷积 3×3", "conv"),))
    result = draw([graph], tmp_path / "cell", ("svg", "png", "pdf"))
    assert result.note is None
    assert {"输入", "输出", "卷积 3×3"} <= texts(result.paths[0])


def test_choices_form_a_chain(tmp_path, without_program):
    choices = {f"block{number}": "conv3" for number in range(14)}
    graph = generic_graph("net", choices)
    assert graph.is_chain
    assert (graph.inputs, graph.output, len(graph.edges)) == (("input",), "output", 15)
    (path,) = draw([graph], tmp_path / "chain").paths
    assert set(choices) <= texts(path)


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


def program(folder, script):
    path = folder / "bin" / "dot"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n/bin/cat > /dev/null; {script}\n")
    path.chmod(0o755)
    return str(path.parent)


def test_program_on_the_path_lays_out(tmp_path, monkeypatch):
    graph = Graph("", ("in",), "out", (Edge("in", "out", ""),))
    plain = (
        "graph 1 9 1\nnode n0 1 0.5 0.3 0.2 a solid box black white\n"
        "node n1 8 0.5 0.3 0.2 b solid box black white\n"
        "edge n0 n1 4 1.2 0.5 3 0.5 6 0.5 7.8 0.5 solid black\nstop\n"
    )
    monkeypatch.setenv("PATH", program(tmp_path, f"/bin/echo '{plain}'"))
    (path,) = draw([graph], tmp_path / "cell", width=40).paths
    shift = places(path)["out"][0] - places(path)["in"][0]
    assert shift == pytest.approx(7 * 72, abs=3)


def test_broken_program_gives_way_to_the_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", program(tmp_path, "exit 1"))
    (path,) = draw([CELL], tmp_path / "cell").paths
    assert "normal cell" in texts(path)


def test_unknown_options_are_refused(tmp_path):
    with pytest.raises(UserError, match="unknown drawing format 'gif'"):
        draw([CELL], tmp_path / "cell", ("gif",))
    with pytest.raises(UserError, match="unknown drawing style 'sepia'"):
        draw([CELL], tmp_path / "cell", style="sepia")
    with pytest.raises(UserError, match=r"--width 0: must be from 4 to 100"):
        draw([CELL], tmp_path / "cell", width=0)
    assert STYLES == ("color", "paper")


OPS = ("none", "skip_connect", "sep_conv_3x3")


def supernet():
    shares = {
        ("in", "0"): (0.15, 0.15, 0.7),
        ("in", "1"): (0.5, 0.3, 0.2),
        ("0", "1"): (0.0, 1.0, 0.0),
    }
    edges = {at: dict(zip(OPS, values, strict=True)) for at, values in shares.items()}
    chosen = {("in", "0"): "sep_conv_3x3", ("0", "1"): "skip_connect"}
    return mixed_cell_graph("supernet", (("in",), "out"), edges, chosen, ("0", "1"))


def test_a_supernet_shows_every_candidate_by_width_and_what_is_chosen(tmp_path):
    (path,) = draw([supernet()], tmp_path / "supernet").paths
    tree = list(ElementTree.parse(path).iter())
    labels = [e for e in tree if e.tag.endswith("text")]
    said = ["".join(element.itertext()) for element in labels]
    assert all(said.count(op) == 3 for op in OPS)
    bold = [
        "".join(e.itertext())
        for e in labels
        if e.get("font-weight") and e.get("font-size") == "5.6"
    ]
    assert bold == ["sep_conv_3x3", "0.70", "skip_connect", "1.00"]
    strands = [
        e for e in tree if e.tag.endswith("path") and float(e.get("stroke-width")) not in (0.8,)
    ]
    widths = [round(float(element.get("stroke-width")), 2) for element in strands]
    expected = [0.25 + 5.5 * share for share in (0.15, 0.15, 0.7, 0.5, 0.3, 0.2, 0.0, 1.0, 0.0)]
    assert widths == pytest.approx(expected, abs=0.01)


def test_a_supernet_that_is_no_cell_shows_its_decisions_in_order(tmp_path):
    weights = {f"layer{n}": {"conv3": 0.25, "skip": 0.75} for n in range(12)}
    graph = mixture_graph("net", weights, dict.fromkeys(weights, "skip"))
    (path,) = draw([graph], tmp_path / "net").paths
    place = places(path)
    order = [(place[label][1], place[label][0]) for label in weights]
    assert order == sorted(order)


def test_frames_are_one_picture_for_each_epoch(tmp_path):
    from PIL import Image

    later = replace(supernet(), title="a much longer title of the last epoch, which is wider")
    frames = [("epoch 1", (supernet(),)), ("epoch 2", (supernet(),)), ("epoch 3", (later,))]
    path = write_frames(frames, tmp_path / "search.gif")
    with Image.open(path) as image:
        assert image.n_frames in (2, 3)  # Pillow joins frames that are alike
        assert image.info["loop"] == 0


@pytest.mark.parametrize("name", ["out.avi", "out"])
def test_frames_in_another_format_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"must end in \.gif or \.mp4"):
        write_frames([("epoch 1", (CELL,))], tmp_path / name)


def test_an_mp4_without_imageio_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio", None)
    with pytest.raises(UserError, match="pip install imageio"):
        write_frames([("epoch 1", (CELL,))], tmp_path / "out.mp4")


def test_frames_of_nothing_are_refused(tmp_path):
    with pytest.raises(UserError, match="no epoch to draw"):
        write_frames([], tmp_path / "out.gif")
