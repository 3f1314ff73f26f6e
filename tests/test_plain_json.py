"""JSON of anybody: values that can be copied and printed, or one line that says what is wrong."""

from __future__ import annotations

import json
import os

import pytest

from nasbench import plain_files, plain_json
from nasbench.errors import UserError

LARGEST = 10**300 - 1


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ('{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("\ufeff[1]", [1]),
        (b"\xef\xbb\xbf[1]", [1]),
        ("[1]".encode("utf-16"), [1]),
        ("\ufeff[1]".encode("utf-16-be"), [1]),
        (str(LARGEST), LARGEST),
        ("[1e400]", [float("inf")]),
        ('"' + "1" * 400 + '"', "1" * 400),
    ],
)
def test_what_can_be_read(content, value):
    assert plain_json.parse(content) == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1,", "not JSON: Expecting value"),
        ("", "not JSON"),
        ("[" * 3_000, "nested too deeply"),
        ("[" * 3_000 + "]" * 3_000, "nested too deeply"),
        ('{"a":' * 150 + "1" + "}" * 150, "nested too deeply: at most 100 levels"),
        (f"[1, {LARGEST + 1}]", "the number 10000000000000000000... has 301 digits: at most 300"),
        ("[-" + "9" * 5_000 + "]", "has 5001 digits"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b'"\xe9"', "no text in UTF-8"),
    ],
)
def test_what_cannot_is_one_line(content, words):
    with pytest.raises(UserError) as caught:
        plain_json.parse(content)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 150


def test_deep_content_that_is_read_can_be_printed_and_copied():
    content = plain_json.parse("[" * 100 + "]" * 100)
    assert json.loads(json.dumps(content)) == content
    assert repr(content) == "[" * 100 + "]" * 100


def test_a_duplicate_key_where_it_is_a_mistake():
    with pytest.raises(UserError, match="duplicate key 'a'"):
        plain_json.parse('{"b": {"a": 1, "a": 2}}', unique=True)


def test_files_that_are_none(tmp_path):
    large = tmp_path / "large.json"
    large.write_bytes(b"[" + b" " * 100 + b"]")
    os.mkfifo(tmp_path / "pipe")
    for path, words in [
        (large, "cannot be read: larger than 9.53674e-05 MB"),
        (tmp_path / "pipe", "cannot be read: no plain file"),
        (tmp_path / "gone", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "a\0b", "cannot be read: embedded null byte"),
        ("/dev/zero", "cannot be read: no plain file"),
    ]:
        with pytest.raises(UserError) as caught:
            plain_json.read(path, most=100)
        assert str(caught.value) == words
    assert plain_json.read(large) == []
    assert plain_files.read_text(large, 102).startswith("[ ")
