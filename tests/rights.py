"""Who may ask whom for what, as every ``service.yaml`` says it: charts and clusters are held against this."""

from collections.abc import Mapping

from chassis.manifest import Manifest

Right = tuple[str, str, str]
"""Caller, method and path."""


def asked(service: str, manifests: Mapping[str, Manifest]) -> set[Right]:
    """Return what its callers say they ask of a service, the gateway's routes included."""
    rights: set[Right] = {
        (name, method, path)
        for name, manifest in manifests.items()
        for ask in manifest.asks
        if ask.service == service
        for method in ask.methods
        for path in ask.paths
    }
    if service != "gateway":  # Its own routes it answers by itself.
        for route in manifests[service].routes:
            rights |= {("gateway", method, path) for method in route.methods for path in route.paths}
        rights.add(("gateway", "GET", "/openapi.json"))
    return rights
