"""YAML of users: plain values, or one line that says what is wrong."""

from __future__ import annotations

import pytest

from nasbench import plain_yaml
from nasbench.errors import UserError


def test_plain_values_and_merged_mappings():
    text = "base: &b {epochs: 1, lr: 0.1}\nmine: {<<: *b, lr: 0.2}\n"
    assert plain_yaml.parse(text)["mine"] == {"epochs": 1, "lr": 0.2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' is a duplicate key"),
        ("x: {1: a, '1': b}", "'1' is a duplicate key"),
        ("a: [", "not YAML"),
        ("a: 2020-13-45", "not YAML: month must be in 1..12"),
        ("a: !!int foo", "not YAML"),
        ("a: " + "9" * 5_000, "line 1: the number 99999999999999999999... is too large"),
        ("[" * 3_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("- " * 150 + "a", "nested too deeply"),
        ("a: 0x" + "f" * 5_000, "line 1: the number 0xffffffffffffffffff... is too large"),
        ("a: 1" + ":59" * 2_000, "line 1: the number"),
        ("a: !!int ''", "not YAML"),
        ("a: !!timestamp never", "not YAML"),
        ("&a [*a]", "its aliases expand to inf values"),
        (" " * 2**19, "longer than 262,144 characters"),
        ("a: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, words):
    with pytest.raises(UserError) as caught:
        plain_yaml.parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        plain_yaml.read(path)


def _bomb(levels: int, first: str, level: str) -> str:
    """Return ``levels`` values, each of which holds the one before ten times."""
    lines = [f"v0: &v0 {first}"]
    for number in range(1, levels + 1):
        lines.append(f"v{number}: &v{number} {level.format(', '.join([f'*v{number - 1}'] * 10))}")
    return "\n".join(lines)


@pytest.mark.parametrize(("first", "level"), [("[x]", "[{}]"), ("{k: 1}", "{{<<: [{}]}}")])
def test_aliases_that_multiply(first, level):
    assert len(plain_yaml.parse(_bomb(3, first, level))) == 4
    with pytest.raises(UserError, match=r"aliases expand to .* values: at most 100,000 are read"):
        plain_yaml.parse(_bomb(9, first, level))
