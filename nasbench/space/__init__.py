"""Search spaces and their choices.

``LayerChoice``, ``InputChoice``, ``ValueChoice`` and ``Repeat`` are modules that leave a decision
open; a ``SearchSpace`` made of them is a supernet, or under an ``Arch`` a plain network.
"""

from nasbench.space.arch import Arch
from nasbench.space.choice import Choice, Relaxation
from nasbench.space.domain import Condition, Domain, Value
from nasbench.space.domains import Domains
from nasbench.space.input_choice import InputChoice
from nasbench.space.layer_choice import LayerChoice
from nasbench.space.repeat import Repeat
from nasbench.space.search_space import SearchSpace
from nasbench.space.spec import DataSpec
from nasbench.space.value_choice import ValueChoice

__all__ = [
    "Arch",
    "Choice",
    "Condition",
    "DataSpec",
    "Domain",
    "Domains",
    "InputChoice",
    "LayerChoice",
    "Relaxation",
    "Repeat",
    "SearchSpace",
    "Value",
    "ValueChoice",
]
