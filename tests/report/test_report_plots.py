import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.report.plots import Curve, draw_curves, render_curves

X = np.geomspace(1.0, 1000.0, 40)


def curve(name, end=0.9, x=X):
    mean = end - 0.3 * np.exp(-x / x[-1])
    return Curve(name, x, mean, mean - 0.01, mean + 0.01)


def drawn(path):
    return ElementTree.parse(path).getroot()


def texts(root):
    return ["".join(e.itertext()) for e in root.iter() if e.tag.endswith("text")]


def colours(root):
    """The colors of the lines without a fill, in the order in which they are drawn."""
    styles = [e.get("style", "") for e in root.iter() if e.tag.endswith("path")]
    strokes = [style for style in styles if style.startswith("fill: none; stroke: #")]
    return list(dict.fromkeys(style[len("fill: none; stroke: ") :][:7] for style in strokes))


def test_svg_names_axes_title_and_curves_as_text(tmp_path):
    curves = [curve("tpe", 0.8), curve("random", 0.9)]
    path = draw_curves(
        curves, tmp_path / "new" / "a.svg", xlabel="seconds", ylabel="accuracy, %", title="digits"
    )
    assert path == tmp_path / "new" / "a.svg"
    shown = texts(drawn(path))
    assert {"seconds", "accuracy, %", "digits", "tpe", "random", "100", "1,000"} <= set(shown)
    assert shown.index("random") < shown.index("tpe")  # as they end, the highest first


def test_same_curves_same_bytes_and_settings_left_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    for suffix in ("svg", "png"):
        files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
        for file in files:
            draw_curves([curve("tpe")], file, xlabel="x", ylabel="y")
        assert files[0].read_bytes() == files[1].read_bytes()
    assert dict(matplotlib.rcParams) == before
    assert b"Date" not in (tmp_path / "a.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_hostile_names_are_shown_as_they_are(tmp_path):
    names = ["_hidden", "$x_1$ \\frac", "<b> & --> ]]>"]
    path = draw_curves(
        [curve(name) for name in names], tmp_path / "a.svg", xlabel="$", ylabel="$y$"
    )
    assert {*names, "$", "$y$"} <= set(texts(drawn(path)))


def test_many_curves_differ_in_colour_or_dash_and_fit_their_legend(tmp_path):
    few = draw_curves([curve("a")], tmp_path / "few.svg", xlabel="x", ylabel="y")
    curves = [curve(f"strategy {number}", 0.5 + number / 100) for number in range(28)]
    many = drawn(draw_curves(curves, tmp_path / "many.svg", xlabel="x", ylabel="y"))
    lines = {
        e.get("style")
        for e in many.iter()
        if e.tag.endswith("path") and "stroke-width: 1.5" in e.get("style", "")
    }
    assert len(lines) == 28
    height = float(many.get("viewBox").split()[3])
    assert height > float(drawn(few).get("viewBox").split()[3])
    assert all(float(y) < height for y in ys(many))


def ys(root):
    for element in root.iter():
        if element.tag.endswith("text") and (place := element.get("y")):
            yield place


def test_long_names_are_broken_over_lines(tmp_path):
    name = "HPO tpe (epochs=20, options.optimizer=adamw, retrain lr=0.1)"
    shown = texts(drawn(draw_curves([curve(name)], tmp_path / "a.svg", xlabel="x", ylabel="y")))
    assert name not in shown
    assert name.split() == [
        word for text in shown if set(text.split()) & set(name.split()) for word in text.split()
    ]


@pytest.mark.parametrize("log_x", [True, False])
def test_gaps_missing_bands_and_single_points_are_drawn(tmp_path, log_x):
    gap = curve("gap")
    gap.mean[:10] = np.nan
    blank = np.full(40, np.nan)
    curves = [
        gap,
        Curve("no band", X, gap.mean + 0.1, blank, blank),
        Curve("nothing", X, blank, blank, blank),
        Curve("point", *(np.array([v]) for v in (5.0, 0.7, 0.6, 0.8))),
    ]
    shown = texts(
        drawn(draw_curves(curves, tmp_path / "a.svg", xlabel="x", ylabel="y", log_x=log_x))
    )
    names = [text for text in shown if text in {"gap", "no band", "nothing", "point"}]
    assert names == ["no band", "gap", "point", "nothing"]


def test_a_single_epoch_is_a_single_tick(tmp_path):
    point = [Curve("a", *(np.array([v]) for v in (1.0, 50.0, 50.0, 50.0)))]
    path = draw_curves(point, tmp_path / "a.svg", xlabel="epoch", ylabel="y", log_x=False)
    numbers = [text for text in texts(drawn(path)) if text.replace(".", "").isdigit()]
    assert [text for text in numbers if float(text) < 10] == ["1"]


def test_short_axis_is_labelled_between_the_powers_of_ten(tmp_path):
    x = np.geomspace(200.0, 900.0, 20)
    shown = texts(
        drawn(draw_curves([curve("a", x=x)], tmp_path / "a.svg", xlabel="x", ylabel="y"))
    )
    assert {"300", "400", "800"} <= set(shown)


def test_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"unknown picture format 'gif': .*svg, png"):
        draw_curves([curve("a")], tmp_path / "a.gif", xlabel="x", ylabel="y")


def test_no_curve_is_refused():
    with pytest.raises(ValueError, match="no curve to draw"):
        render_curves([], "svg", xlabel="x", ylabel="y")


def test_missing_matplotlib_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match="drawing curves needs the package matplotlib"):
        draw_curves([curve("a")], tmp_path / "a.svg", xlabel="x", ylabel="y")


def test_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        draw_curves([curve("a")], tmp_path / "file" / "a.svg", xlabel="x", ylabel="y")
