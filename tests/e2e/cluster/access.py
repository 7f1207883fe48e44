"""The cluster under test: its objects through the official client, and the tools that a cluster is worked with."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.stream import stream
from urllib3.exceptions import HTTPError

from tests.e2e.checkout import REPOSITORY

SERVICES = "tradewind"
DATA = "tradewind-data"
MESH = "istio-system"
ZONE = "topology.kubernetes.io/zone"
DRAINED, KEPT = "zone-b", "zone-a"
"""Zones: one that a test empties, and the one with the port mapping and the data."""

_API_VERSIONS = {
    "AuthorizationPolicy": "security.istio.io/v1",
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Namespace": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "Pod": "v1",
    "RequestAuthentication": "security.istio.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Sidecar": "networking.istio.io/v1",
    "StatefulSet": "apps/v1",
}
_LOOK_SECONDS = 0.25
Document = dict[str, Any]
Found = TypeVar("Found")
Name = TypeVar("Name")


class NotDeployedError(Exception):
    """There is no cluster to test, or nothing on it; the message says what is missing."""


def poll(look: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
    """Return what ``look`` finds, as soon as it finds something; fail when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(_LOOK_SECONDS)
    return found


@dataclass(frozen=True)
class Reference:
    """Names one object."""

    kind: str
    name: str
    namespace: str = SERVICES

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Cluster:
    """A kind cluster that `make deploy` has filled.

    ``mesh`` is what it was deployed with: ``none`` or ``istio``. ``address`` is where it answers.
    """

    def __init__(self, *, name: str, mesh: str, address: str, state: Path, cache: Path) -> None:
        self.name = name
        self.mesh = mesh
        self.address = address
        self.state = state
        self.context = f"kind-{name}"
        self._kubeconfig = state / "kubeconfig"
        self._cache = cache
        api = self._client()
        # Any: to the client's types every field of every object is optional.
        self.core: Any = client.CoreV1Api(api)
        self.apps: Any = client.AppsV1Api(api)
        self.batch: Any = client.BatchV1Api(api)
        self.autoscaling: Any = client.AutoscalingV2Api(api)
        self._dynamic_client: DynamicClient | None = None

    @classmethod
    def selected(cls, cache: Path) -> "Cluster":
        """Return the cluster that the environment selects.

        Raises:
            NotDeployedError: There is none, or nothing is deployed on it.
        """
        name = os.environ.get("KIND_CLUSTER", "tradewind")
        address = os.environ.get("BASE_URL") or f"http://127.0.0.1:{os.environ.get('HTTP_PORT', '8080')}"
        for tool in ("kind", "docker", "kubectl", "helm"):
            if shutil.which(tool) is None:
                raise NotDeployedError(f"{tool} is not on PATH")
        state = REPOSITORY / ".kind" / name
        if not (state / "kubeconfig").exists():
            raise NotDeployedError(f"there is no cluster {name}: make kind-up deploy")
        mesh = os.environ.get("MESH", "istio")
        try:
            cluster = cls(name=name, mesh=mesh, address=address.rstrip("/"), state=state, cache=cache)
            deployed = {each.metadata.name for each in cluster.apps.list_namespaced_deployment(SERVICES).items}
        except (ApiException, HTTPError, OSError, config.ConfigException) as error:
            raise NotDeployedError(f"the cluster {name} does not answer: {error}") from error
        if "gateway" not in deployed:
            raise NotDeployedError(f"nothing is deployed on the cluster {name}: make deploy")
        return cluster

    # -- Tools ---------------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The environment for tools: this cluster, and no other that the developer may be working with."""
        return {**os.environ, "KUBECONFIG": str(self._kubeconfig)}

    def run(self, *words: str, check: bool = True, seconds: float = 300) -> str:
        """Run a tool that knows the cluster, and return its output."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False, timeout=seconds, cwd=REPOSITORY
        )
        assert done.returncode == 0 or not check, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + ("" if check else done.stderr)

    def kubectl(self, *words: str, check: bool = True) -> str:
        """Run kubectl."""
        return self.run("kubectl", "--context", self.context, *words, check=check)

    def helm(self, *words: str, check: bool = True) -> str:
        """Run helm."""
        return self.run("helm", "--kube-context", self.context, *words, check=check)

    @contextmanager
    def forwarded(self, namespace: str, service: str, port: int) -> Iterator[str]:
        """Reach a Service of the data namespace from here, for as long as the block lasts; yields its address."""
        words = ["kubectl", "--context", self.context, "-n", namespace, "port-forward", f"svc/{service}", f":{port}"]
        with subprocess.Popen(
            words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as forward:
            assert forward.stdout is not None
            try:
                line = forward.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+)", line)
                assert found, line
                yield f"http://127.0.0.1:{found[1]}"
            finally:
                forward.terminate()

    # -- Objects -------------------------------------------------------------------------------------------------------

    def get(self, reference: Reference) -> Document:
        """Return one object."""
        found: Document = self._resource(reference.kind).get(reference.name, reference.namespace).to_dict()
        return found

    def find(self, kind: str, namespace: str = SERVICES, selector: str | None = None) -> list[Document]:
        """Return the objects of a kind."""
        found = self._resource(kind).get(namespace=namespace, label_selector=selector).to_dict()
        return [{**each, "kind": kind} for each in found["items"]]

    def apply(self, *documents: Document, manager: str = "e2e") -> None:
        """Make objects what the documents say."""
        for document in documents:
            body = {"apiVersion": _API_VERSIONS[document["kind"]], **document}
            metadata = document["metadata"]
            self._resource(document["kind"]).server_side_apply(
                body,
                metadata["name"],
                metadata.get("namespace"),
                field_manager=manager,
                force_conflicts=True,
            )

    def delete(self, *references: Reference) -> None:
        """Delete objects, those that are gone already included."""
        for reference in references:
            try:
                self._resource(reference.kind).delete(reference.name, reference.namespace)
            except ApiException as error:
                if error.status != 404:
                    raise

    @contextmanager
    def without(self, references: Iterable[Reference]) -> Iterator[None]:
        """Delete objects for the length of the block."""
        kept = [_restorable(self.get(reference)) for reference in references]
        try:
            self.delete(*(Reference(each["kind"], **_place(each)) for each in kept))
            yield
        finally:
            # As Helm's own, so that the next release finds every field where it left it.
            self.apply(*kept, manager="helm")

    # -- Pods ----------------------------------------------------------------------------------------------------------

    def pods(self, service: str, namespace: str = SERVICES, component: str = "api") -> list[Any]:
        """Return a service's pods that are not on their way out."""
        selector = f"app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
        found = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None]

    def ready_pods(self, service: str, namespace: str = SERVICES, component: str = "api") -> list[Any]:
        """Return a service's pods that are ready."""
        return [pod for pod in self.pods(service, namespace, component) if is_ready(pod)]

    def running(self, service: str) -> list[Any]:
        """Return the pods of all of a service's Deployments."""
        return [
            pod
            for name, component in self.workloads()
            if name == service
            for pod in self.pods(name, component=component)
        ]

    def workloads(self) -> list[tuple[str, str]]:
        """Return service and component of each of their Deployments."""
        found = self.apps.list_namespaced_deployment(SERVICES, label_selector="app.kubernetes.io/component").items
        labels = [each.metadata.labels for each in found]
        return [(each["app.kubernetes.io/name"], each["app.kubernetes.io/component"]) for each in labels]

    def execute(self, pod: str, *command: str, namespace: str = SERVICES, container: str = "app") -> str:
        """Run a command in a pod, and return what it wrote to its standard output.

        Raises:
            AssertionError: It ended with another status than 0.
        """
        alone = client.CoreV1Api(self._client())  # `stream` changes the client that it is given.
        session = stream(
            alone.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            container=container,
            command=list(command),
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            _preload_content=False,
        )
        try:
            session.run_forever(timeout=60)
            output: str = session.read_stdout(timeout=0) if session.peek_stdout() else ""
            errors: str = session.read_stderr(timeout=0) if session.peek_stderr() else ""
            assert session.returncode == 0, f"{pod}: {command[0]} ended with {session.returncode}: {output}{errors}"
        finally:
            session.sock.shutdown()  # `close` would leave the socket open where the other side closed first.
        return output

    def rolled_out(self, *services: str, namespace: str = SERVICES, seconds: float = 180) -> None:
        """Wait until Deployments have what they ask for."""

        def done(name: str) -> bool:
            found = self.apps.read_namespaced_deployment(name, namespace)
            wanted, status = found.spec.replicas, found.status
            return bool(
                (status.observed_generation or 0) >= found.metadata.generation
                and (status.updated_replicas or 0) == wanted
                and (status.available_replicas or 0) == wanted
                and (status.replicas or 0) == wanted
            )

        for service in services:
            poll(lambda name=service: done(name), seconds=seconds, what=f"{service} is rolled out")  # type: ignore[misc]

    def deployments(self) -> list[str]:
        """Return the names of all Deployments of the services' namespace, the ingress' included."""
        return [each.metadata.name for each in self.apps.list_namespaced_deployment(SERVICES).items]

    def image(self, service: str) -> str:
        """Return the image that a service runs on."""
        found = self.apps.read_namespaced_deployment(service, SERVICES)
        images: list[str] = [each.image for each in found.spec.template.spec.containers if each.name == "app"]
        return images[0]

    def _client(self) -> client.ApiClient:
        settings = client.Configuration()
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(self._kubeconfig), context=self.context, client_configuration=settings
        )
        settings.retries = False
        return client.ApiClient(settings)

    def _resource(self, kind: str) -> Any:
        if self._dynamic_client is None:
            self._dynamic_client = DynamicClient(  # type: ignore[no-untyped-call]
                self._client(), cache_file=str(self._cache / "resources.json")
            )
        return self._dynamic_client.resources.get(api_version=_API_VERSIONS[kind], kind=kind)


def few(names: Sequence[Name]) -> Iterator[Sequence[Name]]:
    """Yield two at a time: a machine with few cores has to start all of their pods."""
    yield from (names[begin : begin + 2] for begin in range(0, len(names), 2))


def is_ready(pod: Any) -> bool:
    """Tell whether a pod is ready."""
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or [])


def _place(document: Document) -> dict[str, str]:
    return {"name": document["metadata"]["name"], "namespace": document["metadata"]["namespace"]}


def _restorable(document: Document) -> Document:
    """Return an object without what the cluster added to it."""
    metadata = {name: document["metadata"][name] for name in ("name", "namespace")}
    metadata |= {name: document["metadata"].get(name) or {} for name in ("labels", "annotations")}
    restorable = {name: value for name, value in document.items() if name not in ("metadata", "status")}
    return json.loads(json.dumps({**restorable, "metadata": metadata}))  # type: ignore[no-any-return]
