from chassis.retry_budget import RetryBudget


def still() -> float:
    return 0.0


def budget(**options: float) -> RetryBudget:
    return RetryBudget(monotonic=still, **options)


def spent(bucket: RetryBudget) -> int:
    """Spend all there is."""
    count = 0
    while bucket.spend():
        count += 1
    return count


def test_reserve_is_there_from_the_start_and_no_more() -> None:
    bucket = budget(reserve=3)
    bucket.earn()
    assert spent(bucket) == 3


def test_ten_calls_earn_one_retry() -> None:
    bucket = budget(ratio=0.1, reserve=10)
    spent(bucket)
    for _ in range(105):
        bucket.earn()
    assert spent(bucket) == 10


def test_retries_stay_a_tenth_of_the_calls_while_everything_fails() -> None:
    bucket = budget()
    retries = 0
    for _ in range(10_000):
        bucket.earn()
        retries += spent(bucket)
    assert 1000 <= retries <= 1010


def test_waiting_earns_a_retry_too() -> None:
    now = [0.0]
    bucket = RetryBudget(reserve=2, per_second=0.1, monotonic=lambda: now[0])
    spent(bucket)
    now[0] = 9.9
    assert not bucket.spend()
    now[0] = 10.0
    assert bucket.spend()
    now[0] = 1000.0
    assert spent(bucket) == 2
