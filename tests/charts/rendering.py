"""Charts rendered in this process: nothing is installed, vendored or written, and no cluster is asked.

A chart goes to Helm as an archive made in memory, with the charts of this checkout that it depends on inside, so what
is tested is never a stale copy of the library. Equal renders are made once per process.
"""

import io
import itertools
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.manifest import Manifest, read
from chassis.testing import skip_without

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "charts"

NAMESPACE = "tradewind"
DATA_NAMESPACE = "tradewind-data"
UMBRELLA = "tradewind"
DATA = "dev-infra"

Object = dict[str, Any]
"""One rendered Kubernetes object."""

MESHES: Mapping[str, Mapping[str, Any]] = {
    "none": {"provider": "none"},
    "istio": {"provider": "istio", "istio": {"dataplane": "sidecar"}},
    "istio-ambient": {"provider": "istio", "istio": {"dataplane": "ambient"}},
    "linkerd": {"provider": "linkerd"},
}
ISSUER = "https://api.shop.example"
KIND_ISSUER = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Scenario:
    """Values files of a chart's ``ci`` folder, later ones winning, and what an installer says besides.

    ``mesh`` is a key of ``MESHES``; without it the files, or the chart's default, decide.
    """

    files: tuple[str, ...]
    mesh: str | None = None

    def __str__(self) -> str:
        return "+".join((*self.files, *([self.mesh] if self.mesh else [])))

    @property
    def on_kind(self) -> bool:
        """Tell whether this is what `make deploy` installs."""
        return "kind" in self.files


MATRIX = tuple(Scenario((size,), mesh) for mesh, size in itertools.product(MESHES, ("default", "prod")))
NONE, ISTIO, AMBIENT, LINKERD = (Scenario(("default",), mesh) for mesh in MESHES)
KIND = (Scenario(("kind", "plain")), Scenario(("kind", "istio")))
SYSTEMS = (*MATRIX, *KIND)
"""Scenarios in which all charts together make an installation."""


@dataclass(frozen=True)
class Render:
    """What one chart gives in one scenario."""

    chart: str
    scenario: Scenario
    values: Mapping[str, Any] = field(repr=False, hash=False, compare=False)
    objects: tuple[Object, ...] = field(repr=False, hash=False, compare=False)

    def __str__(self) -> str:
        return f"{self.chart} [{self.scenario}]"

    @property
    def mesh(self) -> str:
        """The key of ``MESHES`` that the values amount to."""
        chosen = {"provider": "istio", **self.values.get("global", {}).get("mesh", {})}
        ambient = chosen["provider"] == "istio" and chosen.get("istio", {}).get("dataplane") == "ambient"
        return "istio-ambient" if ambient else str(chosen["provider"])

    @property
    def namespace(self) -> str:
        """Where it is installed by default."""
        return DATA_NAMESPACE if self.chart == DATA else NAMESPACE

    def of(self, *kinds: str) -> list[Object]:
        """Return the objects of these kinds."""
        return [each for each in self.objects if each["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object:
        """Return the one object of that kind and name; the test fails where there is none."""
        found = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        assert len(found) == 1, f"{self}: {len(found)} {kind}/{name}"
        return found[0]


def charts() -> list[str]:
    """Return the names of all charts that can be installed."""
    names = (path.parent.name for path in sorted(CHARTS.glob("*/Chart.yaml")))
    return [name for name in names if metadata(name).get("type") != "library"]


def service_charts() -> list[str]:
    """Return the charts that are a service's."""
    return [name for name in charts() if name in manifests()]


@cache
def manifests() -> dict[str, Manifest]:
    """Return each service's description, by name."""
    return {path.parent.name: read(path) for path in sorted(ROOT.glob("services/*/service.yaml"))}


@cache
def pins() -> dict[str, str]:
    """Return what versions.env says."""
    return dict(re.findall(r"^([A-Z_]+) \?= (.*)$", (ROOT / "versions.env").read_text(), re.MULTILINE))


@cache
def metadata(chart: str) -> dict[str, Any]:
    """Return a chart's Chart.yaml."""
    return _yaml(CHARTS / chart / "Chart.yaml")


def scenarios(chart: str) -> Iterator[Scenario]:
    """Yield every scenario of a chart: the matrix, what kind installs, and each values file by itself.

    The data services are not for production, and have no values for it.
    """
    files = [path.name.removesuffix("-values.yaml") for path in sorted(CHARTS.glob(f"{chart}/ci/*-values.yaml"))]
    for scenario in dict.fromkeys((*SYSTEMS, *(Scenario((name,)) for name in files))):
        if chart != DATA or set(scenario.files) <= set(files):
            yield scenario


def renders() -> Iterator[Render]:
    """Yield every chart in every scenario."""
    for chart in charts():
        for scenario in scenarios(chart):
            yield render(chart, scenario)


def service_renders() -> Iterator[Render]:
    """Yield every service's chart in every scenario."""
    return (each for each in renders() if each.chart in manifests())


def system(scenario: Scenario) -> dict[str, Render]:
    """Return a whole installation, chart by chart.

    Without the umbrella, which only repeats the others, and in production without the data services.
    """
    return {chart: render(chart, scenario) for chart in charts() if chart != UMBRELLA and scenario in scenarios(chart)}


def systems() -> Iterator[dict[str, Render]]:
    """Yield every whole installation."""
    return (system(scenario) for scenario in SYSTEMS)


@cache
def render(chart: str, scenario: Scenario) -> Render:
    """Render a chart in a scenario; its hooks and tests are among the objects."""
    given = scenario_values(chart, scenario)
    values = load(chart, given).merge_values(given)
    return Render(chart, scenario, values, _rendered(chart, json.dumps(values, sort_keys=True)))


@cache
def _rendered(chart: str, values: str) -> tuple[Object, ...]:
    """Render equal values once, though they come from different files."""
    return tuple(objects_of(chart, json.loads(values)))


def scenario_values(chart: str, scenario: Scenario) -> dict[str, Any]:
    """Return what an installer hands to Helm in a scenario."""
    said = {"issuer": KIND_ISSUER if scenario.on_kind else ISSUER}
    values: dict[str, Any] = {}
    for name in scenario.files:
        values = merged(values, _yaml(CHARTS / chart / f"ci/{name}-values.yaml"))
    return merged(values, {"global": {**said, **({"mesh": MESHES[scenario.mesh]} if scenario.mesh else {})}})


def render_files(chart: str, values: Mapping[str, Any], *, release: str | None = None) -> dict[str, str]:
    """Render a chart with any values.

    Returns:
        The text each template gives, by its path.

    Raises:
        helm_python.HelmError: The schema refuses the values, or a template fails.
    """
    name = release or chart
    namespace = DATA_NAMESPACE if chart == DATA else NAMESPACE
    rendered: dict[str, str] = load(chart, values).render(dict(values), name=name, namespace=namespace)
    return rendered


def objects_of(chart: str, values: Mapping[str, Any], *, release: str | None = None) -> list[Object]:
    """Render a chart with any values and return its objects."""
    return list(_objects(render_files(chart, values, release=release)))


def _objects(files: Mapping[str, str]) -> Iterator[Object]:
    for path, text in sorted(files.items()):
        if path.endswith("NOTES.txt"):
            continue
        for document in yaml.load_all(text, yaml.CSafeLoader):
            if document:
                yield document


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what ``over`` says instead, at every depth, as Helm lays values files over one another."""
    result = dict(base)
    for name, value in over.items():
        known = result.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        result[name] = merged(known, value) if both else value  # type: ignore[arg-type]
    return result


def load(chart: str, values: Mapping[str, Any]) -> Any:
    """Load a chart with the dependencies that the values leave on: this Helm renders whatever is in an archive."""
    given = merged(_yaml(CHARTS / chart / "values.yaml"), values)
    enabled = [each["name"] for each in metadata(chart).get("dependencies", []) if _enabled(each, given)]
    return _loaded(chart, tuple(enabled))


def _enabled(dependency: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    found: Any = values
    for step in dependency.get("condition", "").split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return bool(True if found is None else found)


@cache
def _loaded(chart: str, dependencies: tuple[str, ...]) -> Any:
    return helm().Chart.load_archive(archive(chart, dependencies))


def helm() -> Any:
    """Return Helm, or skip the test that needs it."""
    try:
        import helm_python
    except ImportError as error:
        skip_without("helm", f"Helm cannot be loaded into this process: {error}")
    return helm_python


def archive(chart: str, dependencies: Iterable[str] | None = None) -> bytes:
    """Pack a chart as `helm package` does, with those of its dependencies, or all of them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, path in _contents(chart, chart, dependencies):
            tar.add(path, name)
    return packed.getvalue()


def _contents(chart: str, inside: str, dependencies: Iterable[str] | None = None) -> Iterator[tuple[str, Path]]:
    folder = CHARTS / chart
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] not in {"charts", "ci"}:
            yield f"{inside}/{relative.as_posix()}", path
    known = [each["name"] for each in metadata(chart).get("dependencies", [])]
    for name in known if dependencies is None else dependencies:
        yield from _contents(name, f"{inside}/charts/{name}")


@cache
def _yaml(path: Path) -> dict[str, Any]:
    if not path.exists():
        pytest.fail(f"There is no {path.relative_to(ROOT)}.")
    return yaml.load(path.read_text(), yaml.CSafeLoader) or {}


@dataclass(frozen=True)
class Workload:
    """An object that makes pods, or is one."""

    object: Object

    def __str__(self) -> str:
        return named(self.object)

    @property
    def template(self) -> Object:
        """What each of its pods is: metadata and spec."""
        if self.object["kind"] == "Pod":
            return self.object
        spec = self.object["spec"]
        template: Object = (spec["jobTemplate"]["spec"] if self.object["kind"] == "CronJob" else spec)["template"]
        return template

    @property
    def pod(self) -> Object:
        """Its pods' spec."""
        spec: Object = self.template["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        """Its pods' labels."""
        labels: dict[str, str] = self.template["metadata"].get("labels", {})
        return labels

    @property
    def annotations(self) -> dict[str, str]:
        """Its pods' annotations."""
        annotations: dict[str, str] = self.template["metadata"].get("annotations") or {}
        return annotations

    @property
    def containers(self) -> list[Object]:
        """All of a pod's containers, those that only prepare it too."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def component(self) -> str:
        """What its pods are within their chart."""
        return self.labels.get("app.kubernetes.io/component", "")

    @property
    def serves(self) -> bool:
        """Tell whether it is a Deployment: what runs all the time and can be replaced a pod at a time."""
        return bool(self.object["kind"] == "Deployment")


WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"})


def workloads(objects: Iterable[Object]) -> list[Workload]:
    """Return whatever makes pods among the objects."""
    return [Workload(each) for each in objects if each["kind"] in WORKLOADS]


def named(thing: Object) -> str:
    """Return what people call an object: ``Deployment/auth``."""
    return f"{thing['kind']}/{thing['metadata']['name']}"


Policy = Callable[[list[Object]], Iterator[str]]
"""Looks at the objects of one chart and yields a sentence for whatever it finds wrong."""


def assert_silent(policy: Policy, of: Iterable[Render] | None = None) -> None:
    """Ask a policy about every chart in every scenario, or about some, and fail with all that it finds."""
    found: dict[str, list[str]] = {}
    for rendered in renders() if of is None else of:
        for finding in policy(list(rendered.objects)):
            found.setdefault(f"{rendered.chart}: {finding}", []).append(str(rendered.scenario))
    if found:
        pytest.fail("\n".join(f"{finding} [{', '.join(where)}]" for finding, where in found.items()), pytrace=False)
