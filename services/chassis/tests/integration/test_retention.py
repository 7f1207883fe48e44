"""What is kept for how long: the old goes, in batches, and nothing that is still needed."""

from datetime import timedelta
from typing import Any

import pytest

from chassis import retention

pytestmark = pytest.mark.anyio

OLD, YOUNG = "interval '8 days'", "interval '6 days'"


async def test_sent_events_go_after_seven_days_and_unsent_ones_never(shop: Any) -> None:
    for number in range(4):
        await shop.sell_quietly(number)
    await shop.execute(f"UPDATE outbox SET sent_at = now() - {OLD} WHERE data->>'number' IN ('0', '1')")
    await shop.execute(f"UPDATE outbox SET sent_at = now() - {YOUNG} WHERE data->>'number' = '2'")
    await shop.execute("UPDATE outbox SET occurred_at = now() - interval '1 year'")
    assert await retention.purge_outbox(shop.database) == 2
    left = await shop.rows("SELECT data->>'number' AS number FROM outbox ORDER BY 1")
    assert [row.number for row in left] == ["2", "3"]


async def test_inbox_outlives_what_can_be_published_again_and_delivered_late(shop: Any) -> None:
    assert retention.INBOX > 2 * retention.OUTBOX
    for days in (16, 14, 0):
        await shop.execute(
            "INSERT INTO inbox (consumer, event_id, received_at) "
            "VALUES ('ledger', gen_random_uuid(), now() - make_interval(days => :days))",
            days=days,
        )
    assert await retention.purge_inbox(shop.database) == 1
    assert await shop.count("inbox") == 2


async def test_dead_letters_go_after_thirty_days_and_what_waits_for_a_retry_stays(shop: Any) -> None:
    for days, due in ((31, "NULL"), (29, "NULL"), (31, "now()")):
        await shop.execute(
            "INSERT INTO failed_messages (consumer, event_id, envelope, attempts, error, failed_at, next_attempt_at) "
            f"VALUES ('ledger', gen_random_uuid(), '{{}}', 8, 'e', now() - make_interval(days => :days), {due})",
            days=days,
        )
    assert await retention.purge_dead_letters(shop.database) == 1
    assert await shop.count("failed_messages WHERE next_attempt_at IS NULL") == 1
    assert await shop.count("failed_messages WHERE next_attempt_at IS NOT NULL") == 1


async def test_idempotency_keys_go_after_a_day(shop: Any) -> None:
    for hours in (25, 23):
        await shop.execute(
            "INSERT INTO idempotency_keys "
            "(principal, method, path, key, body_hash, status, headers, resource, created_at) "
            "VALUES ('p', 'POST', '/v1/things', :key, '', 201, '{}', 'r', now() - make_interval(hours => :hours))",
            key=f"key-{hours}",
            hours=hours,
        )
    assert await retention.purge_idempotency_keys(shop.database) == 1
    assert await shop.count("idempotency_keys WHERE key = 'key-23'") == 1


async def test_more_than_a_batch_goes_in_one_run(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    await shop.execute(
        "INSERT INTO inbox (consumer, event_id) SELECT 'ledger', gen_random_uuid() FROM generate_series(1, 35)"
    )
    assert await retention.purge_inbox(shop.database, older_than=timedelta(0)) == 35


async def test_every_table_that_grows_has_its_job(shop: Any) -> None:
    assert set(retention.PURGES) == {
        "purge-outbox",
        "purge-inbox",
        "purge-dead-letters",
        "purge-idempotency-keys",
    }
    for purge in retention.PURGES.values():
        assert await purge(shop.database) == 0
