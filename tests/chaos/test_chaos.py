"""A little of it in every test run; `make chaos` is for as long as one likes."""

from tests.chaos.run import run


def test_no_death_costs_money_or_stock() -> None:
    told: list[str] = []
    result = run(orders=16, kills=5, seed=7, tell=told.append)
    assert result.broken == [], "\n".join(told)
    assert sum(result.orders.values()) == 16
    assert result.kills == 5
