"""What each service's NATS user may do. Imports no client: whoever configures a server needs this and nothing else."""

from chassis.manifest import Manifest


def inbox_prefix(service: str) -> str:
    """Return where a service's own replies arrive, so that its user may be allowed these and no other."""
    return f"_INBOX.{service}"


def permissions(manifest: Manifest) -> dict[str, list[str]]:
    """Return the subjects that a service's NATS user may publish to and subscribe to.

    It tells what is its own, keeps its own stream, and reads as its own durable consumers: nothing else.
    """
    stream = manifest.stream
    publish = [f"tradewind.{manifest.name}.>"]
    publish += [f"$JS.API.STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE", "INFO")]
    for hear in manifest.hears:
        read = f"tradewind-{hear.service}.{manifest.name}-{hear.consumer}"
        publish += [
            f"$JS.API.CONSUMER.CREATE.{read}",
            f"$JS.API.CONSUMER.CREATE.{read}.>",
            f"$JS.API.CONSUMER.INFO.{read}",
            f"$JS.API.CONSUMER.MSG.NEXT.{read}",
            f"$JS.ACK.{read}.>",
            f"$JS.ACK.*.*.{read}.>",
        ]
    return {"publish": publish, "subscribe": [f"{inbox_prefix(manifest.name)}.>"]}
