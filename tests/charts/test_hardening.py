"""What a pod may do: Pod Security `restricted` and more, no token, no secret in sight, images that stand still."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    NONE,
    Object,
    Policy,
    Workload,
    assert_silent,
    render,
    service_renders,
    workloads,
)

# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
# Istio's and Linkerd's proxies: traffic of these users bypasses the redirection.
PROXY_USERS = {1337, 2102}
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|ENCRYPTION_KEY|PRIVATE_KEY)$|^CLIENTS__", re.IGNORECASE)
CREDENTIALS = re.compile(r"://[^/\s:@]*:(?!\$\()[^/\s@]+@")


def unrestricted(objects: list[Object]) -> Iterator[str]:
    """Pods that a namespace enforcing `restricted` refuses, or that are root, or are taken for a proxy."""
    for workload in workloads(objects):
        pod = workload.pod
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(name):
                yield f"{workload} uses {name}"
        for volume in pod.get("volumes", []):
            if not VOLUMES.issuperset(volume.keys() - {"name"}):
                yield f"{workload} mounts {volume['name']}, which is none of {sorted(VOLUMES)}"
        for container in workload.containers:
            yield from _unrestricted(f"{workload}/{container['name']}", pod.get("securityContext", {}), container)


def _unrestricted(name: str, of_pod: Object, container: Object) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = {**of_pod, **own}
    if both.get("runAsNonRoot") is not True:
        yield f"{name} may run as root"
    if both.get("runAsUser") in {None, 0, *PROXY_USERS}:
        yield f"{name} runs as user {both.get('runAsUser')}"
    if both.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{name} has no seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may escalate its privileges"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{name} keeps capabilities"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{name} writes to its root"
    if own.get("privileged") or any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name} is privileged or takes a port of its node"


def of_another_user(objects: list[Object]) -> Iterator[str]:
    """Services' pods that do not run as the user of their image, or have no folder to write to."""
    for workload in workloads(objects):
        wanted = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), 10001)
        if not wanted.items() <= workload.pod["securityContext"].items():
            yield f"{workload} does not run as 10001"
        bounded = {
            volume["name"] for volume in workload.pod.get("volumes", []) if volume.get("emptyDir", {}).get("sizeLimit")
        }
        for container in workload.containers:
            mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
            if mounts.get("/tmp") not in bounded:
                yield f"{workload}/{container['name']} has no /tmp of its own, or one without bounds"


def with_token(objects: list[Object]) -> Iterator[str]:
    """Pods that hold a token for Kubernetes' API without having a Role, or see other Services' addresses."""
    bound = {
        subject["name"]
        for binding in objects
        if binding["kind"].endswith("RoleBinding")
        for subject in binding["subjects"]
    }
    for workload in workloads(objects):
        account = workload.pod.get("serviceAccountName")
        if account not in bound and workload.pod.get("automountServiceAccountToken") is not False:
            yield f"{workload} mounts a token"
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload} gets a variable per Service"


def without_identity(objects: list[Object]) -> Iterator[str]:
    """Workloads without a ServiceAccount of their own, which is their identity in the mesh."""
    made = {each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"}
    for workload in workloads(objects):
        account = workload.pod.get("serviceAccountName")
        if account not in made or account == "default":
            yield f"{workload} runs as {account}, which the chart does not make"


def without_resources(objects: list[Object]) -> Iterator[str]:
    """Containers that do not say what they need, may take all memory, or are throttled."""
    for workload in workloads(objects):
        for container in workload.containers:
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
                yield f"{workload}/{container['name']} requests no CPU or memory"
            if "memory" not in resources.get("limits", {}):
                yield f"{workload}/{container['name']} may take all of its node's memory"
            if "cpu" in resources.get("limits", {}):
                yield f"{workload}/{container['name']} is throttled"


def loose_images(objects: list[Object]) -> Iterator[str]:
    """Images that may be another tomorrow, or that are pulled where the node has them."""
    for workload in workloads(objects):
        for container in workload.containers:
            name = f"{workload}/{container['name']}"
            image = container["image"].partition("@")[0]
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in container["image"] and tag in {"", "latest"}:
                yield f"{name} runs {container['image']}"
            if tag.isdecimal() and len(tag) > 2:
                yield f"{name}: the tag {tag} is a number to `--set`"
            if container.get("imagePullPolicy") != "IfNotPresent":
                yield f"{name} pulls {container.get('imagePullPolicy')}"


def readable_secrets(objects: list[Object]) -> Iterator[str]:
    """Secrets' values: in a Secret of the chart, in a variable, in an address."""
    for thing in objects:
        if thing["kind"] == "Secret" and (thing.get("data") or thing.get("stringData")):
            yield f"Secret/{thing['metadata']['name']} has values"
        for path, value in _texts(thing):
            if CREDENTIALS.search(value):
                yield f"{thing['kind']}/{thing['metadata']['name']} has a password in {path}"
    for name, value in _settings(objects):
        if SECRET_NAME.search(name) and value:
            yield f"{name} has its value in the open"


def _settings(objects: list[Object]) -> Iterator[tuple[str, str]]:
    for thing in objects:
        if thing["kind"] == "ConfigMap":
            yield from (thing.get("data") or {}).items()
    for workload in workloads(objects):
        for container in workload.containers:
            yield from ((each["name"], each.get("value", "")) for each in container.get("env", []))


def _texts(thing: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(thing, dict):
        for key, value in thing.items():
            yield from _texts(value, f"{path}/{key}")
    elif isinstance(thing, list):
        for index, value in enumerate(thing):
            yield from _texts(value, f"{path}/{index}")
    elif isinstance(thing, str):
        yield path, thing


def unprobed(objects: list[Object]) -> Iterator[str]:
    """Deployments' containers `app` that Kubernetes does not ask how they are, or asks about somebody else."""
    for workload in _serving(objects):
        app = _app(workload)
        startup, liveness, readiness = (app.get(f"{kind}Probe", {}) for kind in ("startup", "liveness", "readiness"))
        asked = [probe.get("httpGet", {}).get("path") for probe in (startup, liveness, readiness)]
        if asked != ["/livez", "/livez", "/readyz"]:
            yield f"{workload} is asked {asked}"
        if startup and startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3) < 30:
            yield f"{workload} has less than 30 s to start"


def hasty_shutdowns(objects: list[Object]) -> Iterator[str]:
    """Deployments whose pods end before they have left the Service, or are killed while they finish."""
    drain = 20  # uvicorn's --timeout-graceful-shutdown, see chassis.serving
    for workload in _serving(objects):
        sleep = _app(workload).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if workload.component == "api" and sleep < 5:
            yield f"{workload} ends at once"
        grace = workload.pod.get("terminationGracePeriodSeconds", 30)
        if grace < sleep + drain + 10:
            yield f"{workload} is killed {grace} s after it is told to end"


def _serving(objects: list[Object]) -> Iterator[Workload]:
    return (each for each in workloads(objects) if each.serves)


def _app(workload: Workload) -> Object:
    return next((each for each in workload.pod["containers"] if each["name"] == "app"), {})


EVERYWHERE: list[Policy] = [
    unrestricted,
    with_token,
    without_resources,
    loose_images,
    readable_secrets,
]
OF_SERVICES: list[Policy] = [without_identity, of_another_user, unprobed, hasty_shutdowns]

POD = "spec/template/spec"
APP = f"{POD}/containers/0"
BREAKS: dict[Policy, list[Edit]] = {
    unrestricted: [
        Edit("Deployment", f"{POD}/hostNetwork", value=True),
        Edit("Deployment", f"{POD}/volumes/0", {"name": "node", "hostPath": {"path": "/"}}),
        Edit("Deployment", f"{POD}/securityContext/runAsNonRoot"),
        Edit("Deployment", f"{POD}/securityContext/runAsUser", 1337),
        Edit("Deployment", f"{POD}/securityContext/seccompProfile"),
        Edit("Deployment", f"{APP}/securityContext/allowPrivilegeEscalation"),
        Edit("Deployment", f"{APP}/securityContext/capabilities", {"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        Edit("Deployment", f"{APP}/securityContext/readOnlyRootFilesystem"),
    ],
    with_token: [
        Edit("Deployment", f"{POD}/automountServiceAccountToken"),
        Edit("Deployment", f"{POD}/enableServiceLinks"),
    ],
    without_identity: [Edit("Deployment", f"{POD}/serviceAccountName", "default")],
    without_resources: [
        Edit("Deployment", f"{APP}/resources/requests/memory"),
        Edit("Deployment", f"{APP}/resources/limits/cpu", "1"),
        Edit("Job", f"{APP}/resources"),
    ],
    loose_images: [
        Edit("Deployment", f"{APP}/image", "registry.example:5000/auth"),
        Edit("Deployment", f"{APP}/image", "auth:latest"),
        Edit("Deployment", f"{APP}/image", "auth:1234567"),
        Edit("Deployment", f"{APP}/imagePullPolicy", "Always"),
    ],
    readable_secrets: [
        Edit("ConfigMap", "data/CLIENT__SECRET", "x"),
        Edit("ConfigMap", "data/DATABASE__URL", "postgresql+asyncpg://auth:hunter2@postgres:5432/auth"),
    ],
    of_another_user: [
        Edit("Deployment", f"{POD}/securityContext/runAsUser", 999),
        Edit("Deployment", f"{APP}/volumeMounts", []),
        Edit("Deployment", f"{POD}/volumes/0/emptyDir", {}),
    ],
    unprobed: [
        Edit("Deployment", f"{APP}/readinessProbe"),
        Edit("Deployment", f"{APP}/livenessProbe/httpGet/path", "/readyz"),
    ],
    hasty_shutdowns: [
        Edit("Deployment", f"{APP}/lifecycle"),
        Edit("Deployment", f"{POD}/terminationGracePeriodSeconds", 30),
    ],
}


def _named(policy: Callable[..., object]) -> str:
    return policy.__name__


@pytest.mark.parametrize("policy", EVERYWHERE, ids=_named)
def test_no_chart_has(policy: Policy) -> None:
    assert_silent(policy)


@pytest.mark.parametrize("policy", OF_SERVICES, ids=_named)
def test_no_service_has(policy: Policy) -> None:
    assert_silent(policy, service_renders())


@pytest.mark.parametrize("policy", BREAKS, ids=_named)
def test_it_is_noticed_when_a_chart_has(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", NONE), BREAKS[policy])) == []


def test_a_secret_that_a_chart_writes_is_noticed() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "auth"}, "stringData": {"PASSWORD": "x"}}
    assert list(readable_secrets([secret])) == ["Secret/auth has values"]
