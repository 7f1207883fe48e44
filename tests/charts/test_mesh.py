"""Who may ask what: read back out of each mesh's policies, and held against what the `service.yaml`s say."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    AMBIENT,
    ISTIO,
    LINKERD,
    NONE,
    SYSTEMS,
    Object,
    Policy,
    Render,
    Scenario,
    assert_silent,
    manifests,
    merged,
    named,
    objects_of,
    render,
    renders,
    scenario_values,
    service_charts,
    service_renders,
)
from tests.rights import Right, asked

EVERYBODY = "*"
"""As a caller: any pod of the namespace."""
EDGE = "tradewind-istio"
"""The ServiceAccount of the Gateway's proxies."""


def istio_rights(rendered: Render) -> set[Right]:
    """Return what the AuthorizationPolicy of a service lets through."""
    policy = rendered.named("AuthorizationPolicy", rendered.chart)
    assert policy["spec"].get("action", "ALLOW") == "ALLOW"
    rights: set[Right] = set()
    for rule in policy["spec"]["rules"]:
        assert rule.keys() == {"from", "to"}, f"{rendered}: {rule}"
        for caller in _istio_callers(rule["from"]):
            rights |= {
                (caller, method, path)
                for to in rule["to"]
                for method in to["operation"].get("methods", ["any"])
                for path in to["operation"]["paths"]
            }
    return rights


def _istio_callers(sources: list[Object]) -> Iterator[str]:
    for each in sources:
        (kind,) = each["source"]
        assert kind in {"serviceAccounts", "namespaces"}
        yield from [EVERYBODY] if kind == "namespaces" else each["source"][kind]


def covers(rights: set[Right], right: Right) -> bool:
    """Tell whether a caller may do something, by an entry of its own or by one for everybody."""
    caller, method, path = right
    return any(
        who in {caller, EVERYBODY} and how in {method, "any"} and (path == where or _prefixed(where, path))
        for who, how, where in rights
    )


def _prefixed(pattern: str, path: str) -> bool:
    return pattern.endswith("*") and path.startswith(pattern[:-1])


def caller_names(rights: set[Right], service: str) -> set[str]:
    """Return who is let in, but for the service's own test and the edge's proxy."""
    return {who for who, _, _ in rights} - {f"{service}-test", EDGE}


@pytest.mark.parametrize("service", service_charts())
@pytest.mark.parametrize("scenario", [each for each in SYSTEMS if each.mesh != "none"], ids=str)
def test_what_is_asked_is_allowed(service: str, scenario: Scenario) -> None:
    rights = rights_of(render(service, scenario))
    if rights is not None:
        assert refused(service, rights) == []


def refused(service: str, rights: set[Right]) -> list[Right]:
    """Return what is asked of a service, and refused."""
    return sorted(right for right in asked(service, manifests()) if not covers(rights, right))


def rights_of(rendered: Render) -> set[Right] | None:
    """Return what the mesh lets through; None without a mesh."""
    match rendered.mesh:
        case "none":
            return None
        case "linkerd":
            return linkerd_rights(rendered)
        case _:
            return istio_rights(rendered)


@pytest.mark.parametrize("service", service_charts())
def test_nobody_is_allowed_what_it_does_not_ask(service: str) -> None:
    assert unasked(service, istio_rights(render(service, ISTIO))) == []


def unasked(service: str, rights: set[Right]) -> list[Right]:
    """Return what is allowed and nobody asks.

    The gateway's patterns may be wider than its routes, because it checks each request by itself. What is everybody's
    has a test of its own, and so has what the service's own test and the edge may do.
    """
    outside = {EVERYBODY, f"{service}-test", EDGE}
    return sorted(
        (who, how, where)
        for who, how, where in rights - asked(service, manifests())
        if who not in outside and not (who == "gateway" and _routed(service, how, where))
    )


def _routed(service: str, method: str, pattern: str) -> bool:
    start = pattern.removesuffix("*")
    return any(
        who == "gateway" and how == method and path.startswith(start) for who, how, path in asked(service, manifests())
    )


@pytest.mark.parametrize(
    ("callers", "expected"),
    [
        ([{"name": "intruder", "methods": ["GET"], "paths": ["/v1/customers"]}], ("intruder", "GET", "/v1/customers")),
        ([{"name": "auth", "methods": ["GET"], "paths": ["/v1/*"]}], ("auth", "GET", "/v1/*")),
        ([{"name": "gateway", "methods": ["GET"], "paths": ["/admin*"]}], ("gateway", "GET", "/admin*")),
        ([{"name": "gateway", "methods": ["HEAD"], "paths": ["/v1/*"]}], ("gateway", "HEAD", "/v1/*")),
    ],
    ids=["stranger", "service", "path", "method"],
)
def test_another_list_of_callers_is_noticed(callers: list[Object], expected: Right) -> None:
    values = merged(scenario_values("customers", ISTIO), {"mesh": {"allowedCallers": callers}})
    rights = istio_rights(Render("customers", ISTIO, values, tuple(objects_of("customers", values))))
    assert unasked("customers", rights) == [expected]
    assert ("gateway", "PUT", "/v1/customers/*") in refused("customers", rights)


def test_only_auths_keys_and_tokens_are_everybodys() -> None:
    for service in service_charts():
        given = {(method, path) for who, method, path in istio_rights(render(service, ISTIO)) if who == EVERYBODY}
        expected = {("GET", "/.well-known/jwks.json"), ("POST", "/v1/oauth/token")}
        assert given == (expected if service == "auth" else set()), service


@pytest.mark.parametrize("service", service_charts())
def test_every_policy_names_the_same_callers(service: str) -> None:
    expected = caller_names(istio_rights(render(service, ISTIO)), service)
    assert caller_names(istio_rights(render(service, AMBIENT)), service) == expected
    assert caller_names(linkerd_rights(render(service, LINKERD)), service) == expected
    for scenario in (NONE, ISTIO, AMBIENT, LINKERD):
        assert network_callers(render(service, scenario)) == expected, scenario


@pytest.mark.parametrize("service", service_charts())
def test_every_mesh_allows_the_same(service: str) -> None:
    """Linkerd cannot tell the kubelet by its account: probes are open there to whom the NetworkPolicy lets in."""
    istio, ambient, linkerd = (within(rights_of(render(service, each)) or set()) for each in (ISTIO, AMBIENT, LINKERD))
    assert ambient == istio
    own = {right for right in istio if right[2] != "/readyz"}
    # Who has a prefix of Istio's has each of Linkerd's routes below it.
    assert sorted(right for right in own if not covers(linkerd, right)) == []
    assert sorted(right for right in linkerd if not covers(own, right)) == []


def within(rights: set[Right]) -> set[Right]:
    """Leave out what is for the edge, which Linkerd does not bring."""
    return {right for right in rights if right[0] != EDGE}


def network_callers(rendered: Render) -> set[str]:
    """Return whom a service's NetworkPolicy lets in to its API."""
    found: set[str] = set()
    for rule in rendered.named("NetworkPolicy", rendered.chart)["spec"]["ingress"]:
        ports = {each["port"] for each in rule["ports"]}
        for peer in rule["from"] if ports & {8000, 4143} else []:
            labels = peer.get("podSelector", {}).get("matchLabels", {})
            if peer.get("podSelector") == {} and "namespaceSelector" not in peer:
                found.add(EVERYBODY)
            elif (name := labels.get("app.kubernetes.io/name")) and name != rendered.chart:
                found.add(name)
    return found


@pytest.mark.parametrize("service", service_charts())
def test_its_own_test_may_ask_a_service_and_is_refused_something(service: str) -> None:
    given = {(method, path) for who, method, path in istio_rights(render(service, ISTIO)) if who == f"{service}-test"}
    assert ("GET", "/readyz") in given
    assert {method for method, _ in given} == {"GET"}


@pytest.mark.parametrize("service", service_charts())
def test_edge_reaches_the_gateway_and_public_keys_only(service: str) -> None:
    given = {right for right in istio_rights(render(service, ISTIO)) if right[0] == EDGE}
    assert bool(given) is (service == "gateway")


def linkerd_rights(rendered: Render) -> set[Right]:
    """Return what Linkerd's policies let through: routes of the Server, and who is authenticated for each."""
    servers = {each["metadata"]["name"] for each in rendered.of("Server")}
    identities = {
        each["metadata"]["name"]: {_account(name) for name in [*each["spec"].get("identities", []), *_refs(each)]}
        for each in rendered.of("MeshTLSAuthentication")
    }
    routes = {each["metadata"]["name"]: each["spec"] for each in rendered.of("HTTPRoute")}
    rights: set[Right] = set()
    for policy in rendered.of("AuthorizationPolicy"):
        target = policy["spec"]["targetRef"]
        for reference in policy["spec"]["requiredAuthenticationRefs"]:
            if reference["kind"] != "MeshTLSAuthentication" or target["kind"] != "HTTPRoute":
                continue
            route = routes[target["name"]]
            assert {each["name"] for each in route["parentRefs"]} <= servers, f"{rendered}: {target}"
            rights |= {
                (who, how, where) for who in identities[reference["name"]] for how, where in _linkerd_matches(route)
            }
    return rights


def _refs(authentication: Object) -> Iterator[str]:
    for each in authentication["spec"].get("identityRefs", []):
        yield EVERYBODY if each["kind"] == "Namespace" else each["name"]


def _account(identity: str) -> str:
    return EVERYBODY if identity.startswith("*") else identity.partition(".")[0]


def _linkerd_matches(route: Object) -> Iterator[tuple[str, str]]:
    for rule in route["rules"]:
        for match in rule["matches"]:
            path = match["path"]
            regular = path["value"].removesuffix(".*").replace("\\", "") + "*"
            yield match["method"], path["value"] if path["type"] == "Exact" else regular


def test_without_a_mesh_there_is_none_of_its_kinds() -> None:
    for rendered in renders():
        groups = {each["apiVersion"].partition("/")[0] for each in rendered.objects}
        foreign = {
            "none": {"istio.io", "linkerd.io", "gateway.networking.k8s.io"},
            "istio": {"linkerd.io"},
            "istio-ambient": {"linkerd.io"},
            "linkerd": {"istio.io"},
        }[rendered.mesh]
        assert [group for group in groups if group.endswith(tuple(foreign))] == [], rendered


def _pods(rendered: Render) -> list[Mapping[str, Any]]:
    return [each["spec"]["template"]["metadata"] for each in rendered.of("Deployment")]


def test_metrics_port_stays_out_of_the_mesh() -> None:
    for rendered in service_renders():
        for pod in _pods(rendered):
            annotations = pod.get("annotations", {})
            if rendered.mesh == "istio":
                assert annotations["traffic.sidecar.istio.io/excludeInboundPorts"] == "9090", rendered
                assert annotations["prometheus.istio.io/merge-metrics"] == "false", rendered
            if rendered.mesh == "linkerd":
                assert "9090" in annotations["config.linkerd.io/skip-inbound-ports"].split(","), rendered
                assert annotations["config.linkerd.io/default-inbound-policy"] == "deny", rendered
            if rendered.mesh == "none":
                assert [key for key in annotations if "istio.io" in key or "linkerd.io" in key] == [], rendered


def oversized(objects: list[Object]) -> Iterator[str]:
    """HTTPRoutes with more than their definitions take: 16 rules, and 8 matches in each."""
    for thing in objects:
        rules = thing["spec"]["rules"] if thing["kind"] == "HTTPRoute" else []
        if len(rules) > 16:
            yield f"{named(thing)} has {len(rules)} rules"
        yield from (
            f"{named(thing)}: {len(each['matches'])} matches" for each in rules if len(each.get("matches", [])) > 8
        )


def loose_rules(objects: list[Object]) -> Iterator[str]:
    """Rules that Istio reads as more, or as nothing: wildcards, too many callers, two kinds of source at once."""
    for thing in objects:
        if thing["kind"] == "AuthorizationPolicy" and thing["apiVersion"].startswith("security.istio.io"):
            for rule in thing.get("spec", {}).get("rules", []):
                for problem in (*_loose_sources(rule), *_loose_operations(rule)):
                    yield f"{named(thing)} {problem}"


def _loose_sources(rule: Object) -> Iterator[str]:
    for source in (each["source"] for each in rule.get("from", [])):
        accounts = source.get("serviceAccounts", [])
        if len(source) != 1 or any(key.startswith("not") for key in source):
            yield f"mixes {sorted(source)}"
        if len(accounts) > 16 or any("*" in account for account in accounts):
            yield f"names {accounts}"


def _loose_operations(rule: Object) -> Iterator[str]:
    for operation in (each["operation"] for each in rule.get("to", [])):
        if any(key.startswith("not") for key in operation):
            yield f"says what may not: {sorted(operation)}"
        for path in operation.get("paths", []):
            if not path.startswith("/") or "*" in path[:-1]:
                yield f"has the path {path}"


BREAKS: dict[Policy, list[Edit]] = {
    loose_rules: [
        Edit("AuthorizationPolicy", "spec/rules/0/from/0/source/serviceAccounts", ["*"]),
        Edit("AuthorizationPolicy", "spec/rules/0/from/0/source", {"serviceAccounts": ["a"], "namespaces": ["b"]}),
        Edit("AuthorizationPolicy", "spec/rules/0/to/0/operation/paths", ["/v1/*/things"]),
        Edit("AuthorizationPolicy", "spec/rules/0/to/0/operation/notPaths", ["/v1"]),
    ],
}


@pytest.mark.parametrize("policy", [loose_rules, oversized], ids=lambda policy: policy.__name__)
def test_no_chart_has(policy: Policy) -> None:
    assert_silent(policy)


def test_routes_too_large_are_noticed() -> None:
    route = {"kind": "HTTPRoute", "metadata": {"name": "auth"}, "spec": {"rules": [{"matches": [{}] * 9}] * 17}}
    assert len(list(oversized([route]))) == 18


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_a_chart_has(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", ISTIO), BREAKS[policy])) == []


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (("orders", "GET", "/v1/stock"), True),
        (("orders", "GET", "/v1/stock/1"), True),
        (("orders", "POST", "/v1/stock"), False),
        (("payments", "GET", "/v1/stock"), False),
        (("payments", "GET", "/keys"), True),
    ],
    ids=["exact", "prefix", "method", "caller", "everybody"],
)
def test_right_is_found_in_what_covers_it(right: Right, *, expected: bool) -> None:
    assert covers({("orders", "GET", "/v1/stock*"), (EVERYBODY, "GET", "/keys")}, right) is expected
