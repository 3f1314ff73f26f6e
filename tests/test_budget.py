from __future__ import annotations

import pytest

from nasbench.budget import Budget
from nasbench.errors import UserError


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("20", 20, "trials"),
        ("1 trial", 1, "trials"),
        (" 20 trials ", 20, "trials"),
        ("20.0", 20, "trials"),
        ("1epoch", 1, "epochs"),
        ("40 epochs", 40, "epochs"),
        ("900s", 900, "seconds"),
        ("0.5 s", 0.5, "seconds"),
        ("15min", 900, "seconds"),
        ("1.5h", 5400, "seconds"),
        ("2000000", 2_000_000, "trials"),
    ],
)
def test_what_a_budget_means(text, amount, unit):
    budget = Budget.parse(text)
    assert (budget.amount, budget.unit) == (amount, unit)
    assert Budget.parse(str(budget).replace("seconds", "s")) == budget


@pytest.mark.parametrize("text", ["", "many", "20 hours", "-3", "1e3", "3 4", "h", "inf"])
def test_no_budget(text):
    with pytest.raises(UserError) as error:
        Budget.parse(text)
    assert str(error.value) == (
        f"--budget {text!r}: must look like 20, '40 epochs', 900s, 15min or 2h"
    )


@pytest.mark.parametrize("text", ["0", "0s", "2.5", "1.5 epochs", "0.0h"])
def test_an_amount_that_does_not_fit(text):
    with pytest.raises(UserError) as error:
        Budget.parse(text)
    assert str(error.value) == (
        f"--budget {text!r}: must be above 0, and whole for trials and epochs"
    )


@pytest.mark.parametrize(
    ("text", "spent"),
    [
        ("3", (3, 0, 0.0)),
        ("3 epochs", (0, 3, 0.0)),
        ("3s", (0, 0, 3.0)),
    ],
)
def test_a_budget_is_spent_when_its_own_count_reaches_it(text, spent):
    budget = Budget.parse(text)
    assert budget.spent(*spent)
    assert not budget.spent(*(count * 2.99 / 3 for count in spent))
    others = (9, 9, 9.0)
    assert not budget.spent(
        *(0 if own else other for own, other in zip(spent, others, strict=True))
    )
