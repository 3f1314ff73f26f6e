"""Messages in Python's spelling: ``epochs=0`` where the command line says ``--epochs 0``.

The whole house writes its messages for the command line. A call from Python translates them where
they leave the package, by the names of the options alone.
"""

from __future__ import annotations

import re

# A value follows its flag: in quotes, a number, a path or a name of code, CAPITALS for any value,
# or a word that the option's own list has. Other words go on with the sentence.
_QUOTED = r"'[^']*'|\"[^\"]*\""
_TELLING = r"[^\s,;:()]*[0-9./][^\s,;()]*(?<![:.])|[A-Z][A-Z0-9%_]*"
_NAMES = "|".join(
    (
        *("auto", "cpu", "cuda", "mps", "xpu", "local", "ray", "sgd", "balanced", "none"),
        *("quick", "paper", "ranking", "onnx", "py", "pt2", "torchscript"),
    )
)
_FLAG = r"(?<![\w-])--(?P<name>[a-z][a-z0-9-]*)"
_VALUE = rf"(?P<value>{_QUOTED}|{_TELLING}|(?:{_NAMES})\b)"
_AT_START = re.compile(rf"^{_FLAG}(?:[ =](?!continues\b)(?P<value>.*?))?(?P<end>: | needs )")
_INSIDE = re.compile(rf"{_FLAG}(?:[ =]{_VALUE})?")
_ASSIGNED = re.compile(r"(?<![\w-])-o (?=[\w'])")
_COMMAND = re.compile(
    r"`?\bnasbench (?P<verb>search|hpo|retrain|specialize|study|leaderboard|export|list|predict)\b"
    r"(?P<rest>(?: --resume (?:'[^']*'|\S+)| (?:strategies|spaces|tasks|baselines|tuners|"
    r"assessors|tables)\b)?)`?"
)
_ARGUMENT = re.compile(r"\b(STRATEGY|MODEL|CHECKPOINT|FILE)\b")
_SWITCHES = ("skip_bad", "nesterov", "train_again", "auto_batch", "dry_run", "fold_bn")


def in_python(text: str) -> str:
    """Return a message with options and commands as Python spells them.

    Example:
        >>> in_python("--epochs 0: must be at least 1")
        'epochs=0: must be at least 1'
        >>> in_python("unknown strategy 'dart': see: nasbench list strategies")
        "unknown strategy 'dart': see: nb.list('strategies')"
    """
    text = _COMMAND.sub(_call, text)
    text = _ASSIGNED.sub("", text)
    text = _AT_START.sub(lambda found: _option(found) + found["end"], text, count=1)
    text = re.sub(rf"(?<=^unknown ){_FLAG}", lambda f: f["name"].replace("-", "_"), text)
    text = _INSIDE.sub(_option, text)
    return _ARGUMENT.sub(lambda found: found[0].lower(), text)


def _call(found: re.Match[str]) -> str:
    rest = found["rest"].strip()
    if rest.startswith("--resume "):
        run = rest.removeprefix("--resume ").strip("'")
        return f"nb.{found['verb']}(resume={run!r})"
    return f"nb.{found['verb']}({rest!r})" if rest else f"nb.{found['verb']}"


def _option(found: re.Match[str]) -> str:
    name, value = found["name"].replace("-", "_"), found["value"]
    if name.startswith("no_"):
        return f"{name.removeprefix('no_')}=False"
    if value is None:
        return f"{name}=True" if name in _SWITCHES and found.string != found[0] else name
    return f"{name}={value}"
