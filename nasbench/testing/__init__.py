"""Conformance suites for plug-ins, to be run under pytest.

A suite is a class to inherit from. There is one for each kind of plug-in.
"""

import pytest

pytest.register_assert_rewrite(
    "nasbench.testing.assessors",
    "nasbench.testing.oneshot",
    "nasbench.testing.predictors",
    "nasbench.testing.proposals",
    "nasbench.testing.proxies",
    "nasbench.testing.spaces",
    "nasbench.testing.strategies",
    "nasbench.testing.tasks",
    "nasbench.testing.tuners",
)
