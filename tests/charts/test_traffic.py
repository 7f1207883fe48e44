"""How long a call may take and how often it is tried: timeouts that fit into one another, retries that do no harm."""

import re
from collections.abc import Iterator

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    ISTIO,
    LINKERD,
    SYSTEMS,
    Object,
    Policy,
    assert_silent,
    manifests,
    named,
    render,
    service_charts,
    service_renders,
)

# What may be tried again although somebody may have done it already, and what cannot have been done.
REPEATABLE = {"connect-failure", "refused-stream", "reset", "503", "retriable-status-codes"}
UNDONE = {"connect-failure", "refused-stream"}
SAFE_METHODS = {"GET", "HEAD", "PUT", "DELETE"}
LONGEST_WAIT = 5
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> float:
    """Return a duration as Istio and the Gateway API spell it, in seconds."""
    found = re.fullmatch(r"([0-9.]+)(ms|s|m|h)", duration)
    assert found, duration
    return float(found[1]) * UNITS[found[2]]


def routes(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield the routes of the VirtualServices, with their names."""
    for thing in objects:
        if thing["kind"] == "VirtualService":
            for index, route in enumerate(thing["spec"]["http"]):
                yield f"{named(thing)}/{route.get('name', index)}", route


def endless(objects: list[Object]) -> Iterator[str]:
    """Routes without a timeout that are no stream, and tries that do not fit into the whole."""
    for name, route in routes(objects):
        retries = route.get("retries")
        if retries is None:
            yield f"{name} has the mesh's own retries"
            continue
        if "timeout" not in route:
            if retries["attempts"] != 0:
                yield f"{name} is a stream, and is tried again"
            continue
        if "perTryTimeout" in retries:
            tries = seconds(retries["perTryTimeout"]) * (retries["attempts"] + 1)
            if tries > seconds(route["timeout"]):
                yield f"{name}: tries of {tries:g} s do not fit into {route['timeout']}"
        elif retries["attempts"] and not set(retries.get("retryOn", "").split(",")) <= UNDONE:
            yield f"{name}: one slow try takes all the time"


def impatient(objects: list[Object]) -> Iterator[str]:
    """Routes on which a caller may ask to wait (`Prefer: wait=5`), and whose single try ends before that."""
    for name, route in routes(objects):
        waits = any("prefer" in match.get("headers", {}) for match in route.get("match", []))
        if waits and seconds(route["retries"]["perTryTimeout"]) <= LONGEST_WAIT:
            yield f"{name} does not wait for {LONGEST_WAIT} s"


def harmful(objects: list[Object]) -> Iterator[str]:
    """Routes that repeat what may have been done, without a key that makes doing it twice harmless."""
    for name, route in routes(objects):
        retries = route.get("retries", {})
        on = set(filter(None, retries.get("retryOn", "").split(",")))
        if not on and retries.get("attempts"):
            yield f"{name} does not say when to try again"
        if on - REPEATABLE:
            yield f"{name} tries again on {sorted(on - REPEATABLE)}"
        if on - UNDONE and not _repeatable(route):
            yield f"{name} repeats what may have been done"


def _repeatable(route: Object) -> bool:
    """Tell whether all that a route matches may be done twice."""
    matches = route.get("match", [])
    return bool(matches) and all(
        _methods(match) <= SAFE_METHODS or "regex" in match.get("headers", {}).get("idempotency-key", {})
        for match in matches
    )


def _methods(match: Object) -> set[str]:
    method = match.get("method", {"exact": "any"})
    return set(method["regex"].split("|")) if "regex" in method else {method["exact"]}


def harmful_annotations(objects: list[Object]) -> Iterator[str]:
    """The same two rules in Linkerd's words: annotations of an HTTPRoute, for all that it matches."""
    for thing in objects:
        annotations = thing["metadata"].get("annotations", {}) if thing["kind"] == "HTTPRoute" else {}
        if "retry.linkerd.io/http" not in annotations:
            continue
        tries = int(annotations["retry.linkerd.io/limit"]) + 1
        for rule in thing["spec"]["rules"]:
            if tries * seconds(annotations["retry.linkerd.io/timeout"]) > seconds(rule["timeouts"]["request"]):
                yield f"{named(thing)}: {tries} tries do not fit into {rule['timeouts']['request']}"
            for match in rule["matches"]:
                keyed = any(each["name"] == "idempotency-key" for each in match.get("headers", []))
                if match.get("method") not in SAFE_METHODS and not keyed:
                    yield f"{named(thing)} repeats what may have been done"


def misrouted(objects: list[Object]) -> Iterator[str]:
    """VirtualServices whose catch-all hides others, that are seen everywhere, or that an HTTPRoute contradicts."""
    for thing in objects:
        if thing["kind"] != "VirtualService":
            continue
        http, hosts = thing["spec"]["http"], thing["spec"]["hosts"]
        if ["match" in route for route in http] != [True] * (len(http) - 1) + [False]:
            yield f"{named(thing)}: the route for all the rest is not the last"
        if thing["spec"].get("exportTo") != ["."]:
            yield f"{named(thing)} is seen in every namespace"
        if any([each["destination"]["host"] for each in route["route"]] != hosts for route in http):
            yield f"{named(thing)} leads elsewhere"
        if any(each["kind"] == "HTTPRoute" and _attached(each) & set(hosts) for each in objects):
            yield f"{named(thing)} and an HTTPRoute are both for {hosts}"


def ineffective(objects: list[Object]) -> Iterator[str]:
    """Routes that Istio takes, and then gives neither timeout nor retries, or never matches."""
    for name, route in routes(objects):
        if "fault" in route:
            yield f"{name} has a fault, so neither timeout nor retries"
        for match in route.get("match", []):
            if any(header != header.lower() for header in match.get("headers", {})):
                yield f"{name}: {sorted(match['headers'])} are not in lower case"


def _attached(route: Object) -> set[str]:
    return {each["name"] for each in route["spec"]["parentRefs"] if each.get("kind") == "Service"}


def ejecting(objects: list[Object]) -> Iterator[str]:
    """DestinationRules that eject a pod for telling the truth, or never eject one."""
    for thing in objects:
        if thing["kind"] == "DestinationRule":
            outliers = thing["spec"]["trafficPolicy"]["outlierDetection"]
            if outliers.get("consecutive5xxErrors") != 0 or not outliers.get("splitExternalLocalOriginErrors"):
                yield f"{named(thing)} ejects a pod for its own truthful 503"
            if not outliers.get("consecutiveLocalOriginFailures") or outliers.get("maxEjectionPercent", 10) < 34:
                yield f"{named(thing)} ejects none of three"
            if "minHealthPercent" in outliers:
                yield f"{named(thing)} changes which endpoints are sent"


def ill_connected(objects: list[Object]) -> Iterator[str]:
    """DestinationRules that turn mutual TLS off, or keep connections longer or fewer than the callee does."""
    for thing in objects:
        if thing["kind"] == "DestinationRule":
            policy = thing["spec"]["trafficPolicy"]
            if "tls" in policy:
                yield f"{named(thing)} sets TLS, which the mesh does by itself"
            if thing["spec"].get("exportTo") != ["."]:
                yield f"{named(thing)} is seen in every namespace"
            if seconds(policy["connectionPool"]["http"]["idleTimeout"]) >= 75:
                yield f"{named(thing)} keeps connections that uvicorn closes"
            if "maxConnections" in policy["connectionPool"]["tcp"]:
                yield f"{named(thing)} caps its own inbound connections, too"


POLICIES: list[Policy] = [endless, impatient, harmful, misrouted, ineffective, ejecting, ill_connected]
ROUTE = "spec/http/0"
BREAKS: dict[Policy, list[Edit]] = {
    endless: [
        Edit("VirtualService", f"{ROUTE}/timeout"),
        Edit("VirtualService", f"{ROUTE}/retries"),
        Edit("VirtualService", f"{ROUTE}/retries/attempts", 5),
        Edit("VirtualService", f"{ROUTE}/retries/perTryTimeout"),
    ],
    impatient: [Edit("VirtualService", f"{ROUTE}/match/1/headers/prefer", {"regex": ".*wait=.*"})],
    harmful: [
        Edit("VirtualService", f"{ROUTE}/match/0/method/regex", "GET|POST"),
        Edit("VirtualService", f"{ROUTE}/match/1/headers"),
        Edit("VirtualService", f"{ROUTE}/retries/retryOn", "5xx"),
        Edit("VirtualService", f"{ROUTE}/match"),
    ],
    misrouted: [
        Edit("VirtualService", "spec/http/1/match", [{"uri": {"exact": "/"}}]),
        Edit("VirtualService", "spec/exportTo"),
        Edit("VirtualService", f"{ROUTE}/route/0/destination/host", "other"),
    ],
    ineffective: [
        Edit("VirtualService", f"{ROUTE}/match/1/headers", {"Idempotency-Key": {"regex": ".+"}}),
        Edit("VirtualService", f"{ROUTE}/fault", {"abort": {"httpStatus": 503}}),
    ],
    ejecting: [
        Edit("DestinationRule", "spec/trafficPolicy/outlierDetection/consecutive5xxErrors"),
        Edit("DestinationRule", "spec/trafficPolicy/outlierDetection/maxEjectionPercent"),
    ],
    ill_connected: [
        Edit("DestinationRule", "spec/trafficPolicy/tls", {"mode": "ISTIO_MUTUAL"}),
        Edit("DestinationRule", "spec/trafficPolicy/connectionPool/http/idleTimeout", "3600s"),
        Edit("DestinationRule", "spec/trafficPolicy/connectionPool/tcp/maxConnections", 100),
    ],
}


@pytest.mark.parametrize("policy", [*POLICIES, harmful_annotations], ids=lambda policy: policy.__name__)
def test_no_chart_has_routes_that_are(policy: Policy) -> None:
    assert_silent(policy)


def test_it_is_noticed_when_linkerds_routes_are() -> None:
    route = "HTTPRoute/auth-calls-repeatable"
    edits = [
        Edit(route, "metadata/annotations/retry.linkerd.io~1limit", "9"),
        Edit(route, "spec/rules/0/matches/0/method", "PATCH"),
        Edit(route, "spec/rules/0/matches/4/headers"),
    ]
    assert list(unnoticed(harmful_annotations, render("auth", LINKERD), edits)) == []


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_routes_are(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", ISTIO), BREAKS[policy])) == []


def callee_timeouts(objects: list[Object]) -> list[float]:
    """Return the most that a mesh gives a call to this service, by route; streams have none."""
    mesh = [seconds(route["timeout"]) for _, route in routes(objects) if "timeout" in route]
    gateway_api = [
        seconds(rule["timeouts"]["request"])
        for thing in objects
        if thing["kind"] == "HTTPRoute"
        for rule in thing["spec"]["rules"]
        if "timeouts" in rule
    ]
    linkerd = [
        seconds(thing["metadata"].get("annotations", {})["timeout.linkerd.io/request"])
        for thing in objects
        if thing["kind"] == "Service" and "timeout.linkerd.io/request" in thing["metadata"].get("annotations", {})
    ]
    return [*mesh, *gateway_api, *linkerd]


def patience(service: str) -> float:
    """Return the least that the gateway gives a route of a service; it answers its own caller after that."""
    return min((route.timeout_seconds for route in manifests()[service].routes if not route.stream), default=15)


@pytest.mark.parametrize("service", [each for each in service_charts() if each != "gateway"])
def test_callers_wait_longer_than_their_callee_takes(service: str) -> None:
    for rendered in (each for each in service_renders() if each.chart == service and each.mesh != "none"):
        given = callee_timeouts(list(rendered.objects))
        assert given, rendered
        assert max(given) < patience(service), rendered


def test_edge_waits_longer_than_the_gateway() -> None:
    longest = max(route.timeout_seconds for each in manifests().values() for route in each.routes)
    for scenario in SYSTEMS:
        given = callee_timeouts(list(render("platform", scenario).objects))
        assert all(each > longest for each in given), scenario


@pytest.mark.parametrize(("text", "expected"), [("6s", 6), ("500ms", 0.5), ("1m", 60)], ids=["s", "ms", "m"])
def test_duration_is_read(text: str, *, expected: float) -> None:
    assert seconds(text) == expected


def test_one_layer_repeats_calls() -> None:
    for rendered in service_renders():
        settings = rendered.named("ConfigMap", rendered.chart)["data"]
        assert settings.get("CLIENT__RETRIES") == (None if rendered.mesh == "none" else "0"), rendered
