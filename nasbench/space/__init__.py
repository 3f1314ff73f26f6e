"""Search spaces and their choices.

``LayerChoice``, ``InputChoice``, ``ValueChoice`` and ``Repeat`` are modules with an open decision.
A ``SearchSpace`` built from them is a supernet, or, under an ``Arch``, a plain network.
"""

from nasbench.space.arch import Arch
from nasbench.space.choices import (
    Choice,
    InputChoice,
    LayerChoice,
    Relaxation,
    Repeat,
    ValueChoice,
)
from nasbench.space.domain import Condition, Domain, Value
from nasbench.space.domains import Domains
from nasbench.space.expressions import Expression, Size, divisible, maximum
from nasbench.space.joint import JointDomains
from nasbench.space.search_space import SearchSpace
from nasbench.space.spec import DataSpec

__all__ = [
    "Arch",
    "Choice",
    "Condition",
    "DataSpec",
    "Domain",
    "Domains",
    "Expression",
    "InputChoice",
    "JointDomains",
    "LayerChoice",
    "Relaxation",
    "Repeat",
    "SearchSpace",
    "Size",
    "Value",
    "ValueChoice",
    "divisible",
    "maximum",
]
