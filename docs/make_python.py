"""Writes the reference of docs/python.md from the docstrings: ``python docs/make_python.py``.

What stands above the mark in the page is written by hand and stays.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("python.md")
MARK = "<!-- From here on written by docs/make_python.py from the docstrings. -->\n"

SECTIONS: dict[str, tuple[str, ...]] = {
    "Functions": (
        "task",
        "search",
        "hpo",
        "retrain",
        "specialize",
        "study",
        "compare",
        "leaderboard",
        "load",
        "runs",
        "predict",
        "export",
        "list",
    ),
    "Results": (
        *(f"nasbench.api.results:{name}" for name in ("Run", "Found", "Tuned", "Trained")),
        *(f"nasbench.api.results:{name}" for name in ("CrossValidated", "Specialized")),
        *(f"nasbench.api.results:{name}" for name in ("Several", "Drawing")),
        "nasbench.api.run_list:Runs",
        "nasbench.api.boards:Board",
        "nasbench.api.studies:Study",
        "nasbench.api.comparing:Comparison",
        "nasbench.api.predicting:Predictions",
        "nasbench.api.exporting:Exported",
        "nasbench.api.tasks:OpenedTask",
    ),
    "Tasks and spaces": ("Task", "DataSpec", "SearchSpace", "Arch"),
    "Choices": ("LayerChoice", "InputChoice", "ValueChoice", "Repeat"),
    "Layers that take choices": (
        *(f"nasbench.nn:{name}" for name in ("Conv2d", "Linear", "BatchNorm2d", "LayerNorm")),
        *(f"nasbench.nn:{name}" for name in ("MultiheadAttention", "LearnedTensor")),
        *(f"nasbench.space:{name}" for name in ("maximum", "divisible")),
        "nasbench.supernet.inherited_weights:inherit_weights",
        "nasbench.supernet.inherited_weights:recalibrate_bn",
    ),
    "Errors": ("UserError", "Interrupted"),
}
"""What the page describes, by section: names of ``nasbench``, or ``module:name``."""

_HEADS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Example", "Examples", "Note")
_WIDTH = 88
_PLAIN = (str, int, float, tuple, type(None))


def page() -> str:
    """Return what the page should hold."""
    written = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    return written + MARK + reference()


def reference() -> str:
    """Return the reference as Markdown."""
    blocks = []
    for title, names in SECTIONS.items():
        blocks.append(f"## {title}")
        for name in names:
            blocks += _item(name)
    return "\n" + "\n\n".join(blocks) + "\n"


def _item(name: str) -> Iterator[str]:
    where, _, short = name.rpartition(":")
    found = getattr(importlib.import_module(where or "nasbench"), short)
    shown = short if where else f"nb.{short}"
    yield f"### {shown}"
    if not inspect.isclass(found):
        yield _code(shown, getattr(found, "function", found))
        yield from markdown(inspect.getdoc(getattr(found, "function", found)) or "")
        return
    if not where and "__init__" in vars(found):
        yield _code(shown, found)
    text = inspect.getdoc(found) or ""
    for base in found.__bases__:
        if f"nasbench.api.results:{base.__name__}" in SECTIONS["Results"]:
            text = f"{text}\n\nIt has everything that a `{base.__name__}` has."
    yield from markdown(text)
    for member, value in vars(found).items():
        if not member.startswith("_") and member != "forward":
            yield from _member(short, member, value)


def _member(owner: str, name: str, value: Any) -> Iterator[str]:
    """Yield what a method or a property is; plain attributes are in the class's docstring."""
    if isinstance(value, property) or type(value).__name__ == "cached_property":
        getter = value.fget if isinstance(value, property) else value.func
        yield f"#### {owner}.{name}"
        yield from markdown(inspect.getdoc(getter) or "")
        return
    function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    if inspect.isfunction(function) and function.__doc__:
        yield f"#### {owner}.{name}"
        yield _code(f"{owner}.{name}", function, bound=not isinstance(value, staticmethod))
        yield from markdown(inspect.getdoc(function) or "")


def _code(name: str, function: Callable[..., Any], bound: bool = False) -> str:
    """Return a signature as a block of code, an argument per line if it is long."""
    signature = inspect.signature(function)
    given = list(signature.parameters.values())[int(bound) :]
    parts: list[str] = []
    for one in given:
        if one.kind is one.KEYWORD_ONLY and "*" not in parts and not _has_varargs(given):
            parts.append("*")
        stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        text = stars + one.name
        if one.annotation is not one.empty:
            text += f": {_type(one.annotation)}"
        if one.default is not one.empty:
            text += f"{' = ' if one.annotation is not one.empty else '='}{_value(one.default)}"
        parts.append(text)
    back = signature.return_annotation
    end = (
        f" -> {_type(back)}" if back is not signature.empty and back not in ("None", None) else ""
    )
    line = f"{name}({', '.join(parts)}){end}"
    if len(line) > _WIDTH:
        line = "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){end}"])
    return f"```python\n{line}\n```"


def _has_varargs(given: list[inspect.Parameter]) -> bool:
    return any(one.kind is one.VAR_POSITIONAL for one in given)


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _value(default: Any) -> str:
    """Return a plain default; others may hold addresses, which differ from run to run."""
    return repr(default) if isinstance(default, _PLAIN) else "..."


def markdown(docstring: str) -> Iterator[str]:
    """Yield the blocks of a google-style docstring as Markdown."""
    head, seen = "", set[str]()
    lines: list[str] = []
    for line in [*docstring.splitlines(), "End:"]:
        title = line.removesuffix(":")
        if line.endswith(":") and (title in _HEADS or title == "End"):
            text = "\n".join(lines).rstrip()
            if text not in seen:  # arguments may be attributes as well
                yield from _section(head, text)
            seen.add(text)
            head, lines = title, []
        else:
            lines.append(line)


def _section(head: str, text: str) -> Iterator[str]:
    body = inspect.cleandoc("\n" + text)
    if not body:
        return
    if not head:
        yield _prose(body)
        return
    yield f"**{head}**"
    if ">>>" in body:
        code = re.sub(r"^(?!>>>|\.\.\.)(?=\S)", "# ", body, flags=re.MULTILINE)
        code = re.sub(r"^(>>>|\.\.\.) ?", "", code, flags=re.MULTILINE)
        yield f"```python\n{code}\n```"
    elif head in ("Args", "Attributes", "Raises"):
        entries = re.split(r"\n(?=\S)", body)
        yield "\n".join(_entry(entry) for entry in entries)
    else:
        yield _prose(body)


def _entry(text: str) -> str:
    name, _, words = " ".join(text.split()).partition(": ")
    return f"- `{name.replace('*', '')}`: {_inline(words)}"


def _prose(text: str) -> str:
    """Return paragraphs; a paragraph that ends in ``::`` introduces code."""
    blocks = re.split(r"\n\s*\n", text)
    shown = []
    for block in blocks:
        if block.startswith("    "):
            shown.append(f"```python\n{inspect.cleandoc(block)}\n```")
        else:
            shown.append(re.sub(r"::$", ":", _inline(block)))
    return "\n\n".join(shown)


def _inline(text: str) -> str:
    """Return text with roles and double backquotes of reStructuredText as code."""
    text = re.sub(r":\w+:`~[\w.]*?(\w+)`", r"`\1`", text)
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
