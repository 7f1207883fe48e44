"""Who may tell what: each service's user of the broker publishes its own events, and nobody else's."""

import json
from typing import Any

from tests.e2e.cluster.access import Cluster, poll

# Its type is one that no consumer asks for.
SUBJECT = "tradewind.auth.e2e-probe.v1"
STREAM = "tradewind-auth"

# In a pod, with that pod's user: publish if a subject is given, and say what the server thought of it; then, for who
# may look, say how many such events the stream holds.
PUBLISHER = """
import asyncio, json, os, sys
import nats

async def main(subject, stream):
    errors = []
    async def note(error):
        errors.append(str(error))
    user = os.environ["BROKER__USER"]
    client = await nats.connect(
        os.environ["BROKER__URL"].split(","), user=user, password=os.environ["BROKER__PASSWORD"],
        inbox_prefix=f"_INBOX.{user}".encode(), error_cb=note,
    )
    held = None
    if subject:
        await client.publish(subject, b"{}")
        await client.flush()
        # A refusal comes when it comes.
        for _ in range(20):
            if not errors:
                await asyncio.sleep(0.1)
    if stream:
        found = await client.jetstream().stream_info(stream, subjects_filter="tradewind.auth.e2e-probe.v1")
        held = (found.state.subjects or {}).get("tradewind.auth.e2e-probe.v1", 0)
    await client.close()
    print(json.dumps({"errors": errors, "held": held}))

asyncio.run(main(*sys.argv[1:]))
"""


def speak(cluster: Cluster, service: str, *, publish: str = "", look_at: str = "") -> dict[str, Any]:
    """Use the broker as a service."""
    [pod, *_] = cluster.ready_pods(service)
    said = cluster.execute(pod.metadata.name, "python", "-c", PUBLISHER, publish, look_at)
    answer: dict[str, Any] = json.loads(said)
    return answer


def test_service_cannot_publish_anothers_event(cluster: Cluster) -> None:
    def held() -> int:
        return int(speak(cluster, "auth", look_at=STREAM)["held"])

    before = held()
    refused = speak(cluster, "customers", publish=SUBJECT)
    assert "permissions violation" in " ".join(refused["errors"]).lower()
    assert held() == before

    assert speak(cluster, "auth", publish=SUBJECT)["errors"] == []
    poll(lambda: held() == before + 1, seconds=10, what="what auth published is in its stream")
