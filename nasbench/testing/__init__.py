"""What plug-in authors test their own parts with, under pytest.

A conformance suite is a class to inherit from; it says in words what a part owes the house.
"""

import pytest

pytest.register_assert_rewrite("nasbench.testing.proposals", "nasbench.testing.strategies")
