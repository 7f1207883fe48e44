"""What the cluster refuses. Each refusal stands beside its control: one difference, and it succeeds.

Once per run each kind of policy is removed: then what it refused has to get through, or as far as the next fence.
"""

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx2 import Client
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import MESH, Cluster, Reference, poll
from tests.e2e.cluster.callers import OUTSIDE, WAY_IN, Callers
from tests.e2e.people import Person

Answer = dict[str, Any]
ME = "/v1/customers/me"
JWKS = "/.well-known/jwks.json"
OTHER_ISSUER = "https://issuer.example"
TURN_SECONDS = 60
LISTENER_PORT = 8080


def succeeded(answer: Answer) -> bool:
    return bool(answer["status"] == 200)


def connected(answer: Answer) -> bool:
    return bool(answer["connected"])


def forbidden(answer: Answer) -> bool:
    """The callee's proxy refused it."""
    return bool(answer["status"] == 403) and answer["body"] == "RBAC: access denied"


def reached_app(answer: Answer) -> bool:
    return answer["status"] in (200, 405)


def cut(answer: Answer) -> bool:
    """It reached a proxy, which ended the conversation."""
    return answer["status"] is None and connected(answer)


def unreachable(answer: Answer) -> bool:
    """No packet got through."""
    return not connected(answer)


def unanswered(answer: Answer) -> bool:
    """Nobody outside answered, whatever a proxy says about that."""
    return answer["status"] in (None, 502)


def reached_gateway(answer: Answer) -> bool:
    """The gateway counted it, which is before it looks at the token."""
    return "ratelimit" in answer["headers"]


def refused_at_the_edge(answer: Answer) -> bool:
    return answer["status"] in (401, 403) and not reached_gateway(answer)


@dataclass(frozen=True)
class Ask:
    """Who asks whom for what. ``host`` may be a place that only the running cluster knows (`@…`)."""

    caller: str
    host: str = "customers"
    path: str = ME
    method: str = "GET"
    port: int = 80
    tls: str | None = None
    token: str | None = "valid"


@dataclass(frozen=True)
class Denial:
    """A refusal, the one thing that is different in its control, and the policies without which it turns.

    ``turned`` says what becomes of it then: it need not succeed, the next fence may stand behind this one.
    """

    fact: str
    denied: Ask
    control: dict[str, Any]
    refused: Callable[[Answer], bool]
    policies: tuple[Reference, ...] = ()
    turned: Callable[[Answer], bool] = reached_app
    passed: Callable[[Answer], bool] = succeeded


DENY_ALL = Reference("AuthorizationPolicy", "deny-all")
CUSTOMERS = (Reference("AuthorizationPolicy", "customers"), DENY_ALL)
AUTH = (Reference("AuthorizationPolicy", "auth"), DENY_ALL)
EDGE = (Reference("AuthorizationPolicy", "edge"), DENY_ALL)
OTHER_AUTHENTICATION = Reference("RequestAuthentication", "e2e-issuer")
AUTHENTICATION = (Reference("RequestAuthentication", "edge"), OTHER_AUTHENTICATION, *EDGE)
STRICT = (Reference("PeerAuthentication", "default", MESH), Reference("PeerAuthentication", "default"))
PACKETS_IN = (Reference("NetworkPolicy", "customers"), Reference("NetworkPolicy", "deny-all"), WAY_IN)
PACKETS_OUT = (Reference("NetworkPolicy", "deny-all"),)
REGISTRY_ONLY = (Reference("Sidecar", "default"),)

BARE = Ask("bare")
GATEWAY = Ask("gateway")
CUSTOMERS_ASKS_AUTH = Ask("customers", host="auth", path=JWKS, token=None)
INGRESS = Ask(OUTSIDE, host="@ingress")
METRICS = Ask("data-stranger", host="@pod", path="/metrics", port=9090, token=None)
LISTENER = Ask("locked", host="@listener", path="/", port=LISTENER_PORT, token=None)

# The same spelling leads to what is allowed, and past the prefix that is.
SPELLINGS = {
    "dots": ("/v1/customers/../../readyz", "/v1/customers/x/../me"),
    "encoded dots": ("/v1/customers/%2e%2e/%2e%2e/readyz", "/v1/customers/x/%2e%2e/me"),
    "encoded slashes": ("/v1/customers/..%2F..%2Freadyz", "/v1%2Fcustomers%2Fme"),
    "encoded backslashes": ("/v1/customers/..%5C..%5Creadyz", "/v1%5Ccustomers%5Cme"),
    "two slashes": ("/v1/customers//../../..//readyz", "//v1//customers//me"),
    "a single dot": ("/v1/customers/./../../readyz", "/v1/./customers/./me"),
}

WITH_ISTIO = [
    Denial("plaintext into the mesh", BARE, {"tls": "workload"}, cut, STRICT, forbidden),
    Denial("no identity", replace(BARE, tls="anonymous"), {"tls": "workload"}, cut),
    Denial("wrong service account", replace(GATEWAY, caller="unknown"), {"caller": "gateway"}, forbidden, CUSTOMERS),
    Denial("wrong path", replace(GATEWAY, path="/readyz"), {"path": ME}, forbidden, CUSTOMERS),
    *(
        Denial(f"wrong path behind {name}", replace(GATEWAY, path=wrong), {"path": right}, forbidden, CUSTOMERS)
        for name, (wrong, right) in SPELLINGS.items()
    ),
    Denial("wrong method", replace(CUSTOMERS_ASKS_AUTH, method="PUT"), {"method": "GET"}, forbidden, AUTH),
    Denial(
        "another's path",
        replace(CUSTOMERS_ASKS_AUTH, path="/v1/accounts/me"),
        {"path": JWKS},
        forbidden,
        AUTH,
        lambda a: a["status"] == 401,
    ),
    Denial("no token", replace(INGRESS, token=None), {"token": "valid"}, refused_at_the_edge, EDGE, reached_gateway),
    Denial(
        "token of another issuer",
        replace(INGRESS, token="other"),
        {"token": "valid"},
        refused_at_the_edge,
        AUTHENTICATION,
        reached_gateway,
    ),
    Denial(
        "expired token",
        replace(INGRESS, token="expired"),
        {"token": "trusted"},
        refused_at_the_edge,
        AUTHENTICATION,
        reached_gateway,
        reached_gateway,
    ),
    Denial(
        "host that the mesh does not know",
        replace(LISTENER, caller="unknown"),
        {"caller": "stranger"},
        unanswered,
        REGISTRY_ONLY,
    ),
]

# These have no sidecar, so that packets are all there is to refuse.
PACKETS = [
    Denial(
        "call by a pod that is no caller",
        Ask("stranger"),
        {"caller": "named-gateway"},
        unreachable,
        PACKETS_IN,
        connected,
        connected,
    ),
    Denial("metrics for others than Prometheus", METRICS, {"caller": "named-prometheus"}, unreachable, PACKETS_IN),
    Denial("call to outside the cluster", LISTENER, {"caller": "stranger"}, unreachable, PACKETS_OUT),
]
# With a mesh they are asked as the edge asks, which says no before the gateway can.
BY_THE_GATEWAY = [
    Denial("no token", replace(INGRESS, token=None), {"token": "valid"}, lambda answer: answer["status"] == 401),
    Denial(
        "token of another issuer",
        replace(INGRESS, token="other"),
        {"token": "valid"},
        lambda answer: answer["status"] == 401,
    ),
]


class Asker:
    """Knows the running cluster's places and tokens."""

    def __init__(self, cluster: Cluster, callers: Callers, listener: str) -> None:
        ingress = urlsplit(cluster.address)
        [pod, *_] = cluster.ready_pods("customers")
        self._callers = callers
        self._places = {
            "@ingress": (ingress.hostname, ingress.port),
            "@pod": (pod.status.pod_ip, None),
            "@listener": (listener, None),
        }
        with Client(base_url=cluster.address, timeout=30) as api:
            valid = Person.registered(api).tokens["access_token"]
        self._issuer = Issuer(cluster.address)
        self._tokens = {
            "valid": valid,
            "other": self._issuer.token(valid, iss="https://nobody.example"),
            "trusted": self._issuer.token(valid),
            "expired": self._issuer.token(valid, exp=int(time.time()) - 600),
        }

    @property
    def jwks(self) -> str:
        """The keys of the tests' own issuer."""
        return self._issuer.jwks

    def __call__(self, ask: Ask) -> Answer:
        """Send the request."""
        host, port = self._places.get(ask.host, (ask.host, None))
        headers = {"host": str(host), "connection": "close"}
        if ask.token:
            headers["authorization"] = f"Bearer {self._tokens[ask.token]}"
        return self._callers.ask(
            ask.caller, host=host, port=port or ask.port, method=ask.method, path=ask.path, headers=headers, tls=ask.tls
        )


class Issuer:
    """Signs tokens like those of auth, with a key that is not auth's."""

    def __init__(self, address: str) -> None:
        self._key = ECKey.generate_key("P-256", {"kid": "e2e", "alg": "ES256", "use": "sig"})
        self.jwks = json.dumps({"keys": [self._key.as_dict(private=False)]})

    def token(self, like: str, **claims: Any) -> str:
        """Return a token with the claims of another, this issuer's name and signature."""
        body = like.split(".")[1]
        copied = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        payload = {**copied, "iss": OTHER_ISSUER, "jti": secrets.token_urlsafe(12), **claims}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "e2e"}, payload, self._key)


@pytest.fixture(scope="module")
def listener(cluster: Cluster) -> Iterator[str]:
    """The address of a web server beside the cluster's nodes, which no policy of the cluster knows."""
    name = f"{cluster.name}-e2e-listener"
    server = ["-m", "http.server", str(LISTENER_PORT), "--directory", "/tmp"]
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    image = cluster.image("gateway")  # It is on this machine too: the nodes got it from here.
    subprocess.run(
        [
            "docker",
            "run",
            "--detach",
            "--rm",
            "--name",
            name,
            "--network",
            "kind",
            "--entrypoint",
            "python",
            image,
            *server,
        ],
        capture_output=True,
        check=True,
    )
    try:
        form = '{{(index .NetworkSettings.Networks "kind").IPAddress}}'
        shown = subprocess.run(["docker", "inspect", "-f", form, name], capture_output=True, text=True, check=True)
        yield shown.stdout.strip()
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


@pytest.fixture(scope="module")
def asker(cluster: Cluster, callers: Callers, listener: str) -> Iterator[Asker]:
    """Sends the requests of the tables; the edge trusts the tests' own issuer besides."""
    asker = Asker(cluster, callers, listener)
    issuer = OTHER_AUTHENTICATION
    if cluster.mesh == "istio":
        target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "tradewind"}
        rule = {"issuer": OTHER_ISSUER, "jwks": asker.jwks, "forwardOriginalToken": True}
        metadata = {"name": issuer.name, "namespace": issuer.namespace}
        cluster.apply({"kind": issuer.kind, "metadata": metadata, "spec": {"targetRefs": [target], "jwtRules": [rule]}})
        trusted = replace(INGRESS, token="trusted")
        poll(lambda: reached_gateway(asker(trusted)), seconds=TURN_SECONDS, what="the edge trusts the tests' issuer")
    try:
        yield asker
    finally:
        if cluster.mesh == "istio":
            cluster.delete(issuer)


def by_fact(denials: list[Denial]) -> list[Any]:
    return [pytest.param(denial, id=denial.fact.replace(" ", "-")) for denial in denials]


def by_policies(denials: list[Denial]) -> list[Any]:
    """Return the groups of refusals that rest on the same policies."""
    groups: dict[tuple[Reference, ...], list[Denial]] = {}
    for denial in denials:
        if denial.policies:
            groups.setdefault(denial.policies, []).append(denial)
    return [pytest.param(group, id=f"{policies[0].kind}-{policies[0].name}") for policies, group in groups.items()]


def check(asker: Asker, denial: Denial) -> None:
    control = asker(replace(denial.denied, **denial.control))
    assert denial.passed(control), control
    refused = asker(denial.denied)
    assert denial.refused(refused), refused


def check_turn(cluster: Cluster, asker: Asker, denials: list[Denial]) -> None:
    """Remove the policies that some refusals rest on: each turns, and is back when the policies are."""

    def become(what: str, said: Callable[[Denial, Answer], bool]) -> None:
        waiting = list(denials)

        def look() -> bool:
            waiting[:] = [each for each in waiting if not said(each, asker(each.denied))]
            return not waiting

        poll(look, seconds=TURN_SECONDS, what=f"{', '.join(each.fact for each in denials)}: {what}")

    with cluster.without(denials[0].policies):
        become("turned", lambda denial, answer: denial.turned(answer))
    become("refused again", lambda denial, answer: denial.refused(answer))


@pytest.mark.parametrize("denial", by_fact(WITH_ISTIO))
def test_mesh_refuses(istio: Cluster, asker: Asker, denial: Denial) -> None:
    check(asker, denial)


@pytest.mark.parametrize("denials", by_policies(WITH_ISTIO))
def test_mesh_does_not_refuse_without(istio: Cluster, asker: Asker, denials: list[Denial]) -> None:
    check_turn(istio, asker, denials)


@pytest.mark.parametrize("denial", by_fact(PACKETS))
def test_network_policies_refuse(asker: Asker, denial: Denial) -> None:
    check(asker, denial)


@pytest.mark.parametrize("denials", by_policies(PACKETS))
def test_packets_pass_without(cluster: Cluster, asker: Asker, denials: list[Denial]) -> None:
    check_turn(cluster, asker, denials)


@pytest.mark.parametrize("denial", by_fact(BY_THE_GATEWAY))
def test_gateway_refuses_by_itself(cluster: Cluster, asker: Asker, denial: Denial) -> None:
    if cluster.mesh == "istio":
        denial = replace(denial, denied=replace(denial.denied, caller="edge", host="gateway", tls="workload"))
    check(asker, denial)


def test_path_is_decoded_once(istio: Cluster, asker: Asker) -> None:
    """What is encoded twice stays a path of its own, which is no other service's secret."""
    answer = asker(replace(GATEWAY, path="/v1/customers/..%252F..%252Freadyz"))
    assert (answer["status"], json.loads(answer["body"])["code"]) == (403, "insufficient-scope")


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_no_service_gets_out(cluster: Cluster, listener: str, service: str) -> None:
    [pod, *_] = cluster.ready_pods(service)
    source = (
        "import sys, urllib.request\n"
        "for each in sys.argv[1:]:\n"
        "    try: print(urllib.request.urlopen(each, timeout=3).status)\n"
        "    except OSError as error: print(getattr(error, 'code', None))\n"
    )
    keys, outside = f"http://auth{JWKS}", f"http://{listener}:{LISTENER_PORT}/"
    said = cluster.execute(pod.metadata.name, "python", "-c", source, keys, outside).split()
    assert said[0] == "200"
    assert said[1] in ("None", "502")
