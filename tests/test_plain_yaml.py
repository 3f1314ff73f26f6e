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
        ("a: " + "9" * 5_000, "not YAML"),
        ("[" * 3_000, "nested too deeply"),
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
