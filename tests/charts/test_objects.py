"""Every chart is well formed, and every object says only what is its own to say and is in one chart."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    AMBIENT,
    CHARTS,
    ISTIO,
    LINKERD,
    MATRIX,
    NONE,
    ROOT,
    UMBRELLA,
    Object,
    Policy,
    Scenario,
    archive,
    assert_silent,
    charts,
    helm,
    manifests,
    merged,
    metadata,
    named,
    objects_of,
    render,
    scenario_values,
    scenarios,
    systems,
    workloads,
)

FLOOR = "1.33"

LINTED = {NONE, ISTIO, AMBIENT, LINKERD, Scenario(("prod",), "istio"), Scenario(("kind", "istio"))}
"""One scenario of each kind: a lint takes four times as long as a render, which it repeats."""


@pytest.mark.parametrize("chart", charts())
def test_lint_finds_nothing(chart: str, tmp_path: Path) -> None:
    packed = tmp_path / f"{chart}.tgz"
    packed.write_bytes(archive(chart))
    helm().expand(tmp_path, packed)
    for scenario in (each for each in scenarios(chart) if each in LINTED):
        report = helm().lint(tmp_path / chart, scenario_values(chart, scenario), strict=True, namespace="tradewind")
        # 1 is information: that there is no icon.
        assert [each for each in report["messages"] if each["severity"] > 1] == [], f"{chart} [{scenario}]"
        assert report["errors"] == []


def test_every_service_has_a_chart() -> None:
    assert set(manifests()) <= set(charts())
    assert {"platform", "dev-infra", UMBRELLA} <= set(charts())


@pytest.mark.parametrize("chart", charts())
def test_chart_says_what_it_is(chart: str) -> None:
    described = metadata(chart)
    assert described["apiVersion"] == "v2"
    assert described["name"] == chart
    assert described["kubeVersion"] == f">={FLOOR}.0-0"
    assert described["description"]
    assert (CHARTS / chart / "README.md").exists()
    assert (CHARTS / chart / "values.schema.json").exists()
    assert (CHARTS / chart / "templates/NOTES.txt").exists()
    for dependency in described.get("dependencies", []):
        least = dependency["version"].removeprefix(">=").removesuffix("-0")
        assert least == metadata(dependency["name"])["version"]


# They give one text on a dry run or under GitOps and another on the cluster, or a new one each time.
FORBIDDEN = re.compile(
    r"\.Capabilities\.APIVersions|\blookup\b|\brand(AlphaNum|Alpha|Numeric|Ascii|Bytes)\b|\bgen[A-Z]\w+Cert"
    r"|\bnow\b|uuidv4|\btemplate \"|\.Template\.BasePath"
)
COMMENT = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)


def test_templates_use_nothing_that_differs_between_runs() -> None:
    texts = {path: COMMENT.sub("", path.read_text()) for path in CHARTS.glob("*/templates/**/*") if path.is_file()}
    assert texts
    assert {path: found.group() for path, text in texts.items() if (found := FORBIDDEN.search(text))} == {}


def test_templates_of_services_are_one_line() -> None:
    for chart in manifests():
        for path in sorted((CHARTS / chart / "templates").rglob("*.yaml")):
            lines = [line for line in COMMENT.sub("", path.read_text()).splitlines() if line.strip()]
            assert len(lines) == 1, path.relative_to(ROOT)


def foreign_fields(objects: list[Object]) -> Iterator[str]:
    """Objects that name their namespace, or fields that are another's to write: server-side apply conflicts."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in objects
        if each["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}
    }
    for thing in objects:
        if thing["kind"] == "Namespace":
            yield f"{named(thing)} is the platform team's"
        if "namespace" in thing["metadata"]:
            yield f"{named(thing)} is bound to a namespace"
        if thing["kind"] == "Deployment" and thing["metadata"]["name"] in scaled and "replicas" in thing["spec"]:
            yield f"{named(thing)} has replicas, which its autoscaler sets"
        for path in _empty(thing):
            yield f"{named(thing)}: {path} is null"


def _empty(thing: Any, path: str = "") -> Iterator[str]:
    if isinstance(thing, dict):
        for key, value in thing.items():
            yield from _empty(value, f"{path}/{key}")
    elif isinstance(thing, list):
        for index, value in enumerate(thing):
            yield from _empty(value, f"{path}/{index}")
    elif thing is None:
        yield path


def repeated(objects: list[Object]) -> Iterator[str]:
    """Objects written twice by one chart, and names given twice within a container."""
    seen: set[str] = set()
    for thing in objects:
        if named(thing) in seen:
            yield f"{named(thing)} is there twice"
        seen.add(named(thing))
    for workload in workloads(objects):
        for container in workload.containers:
            for key in ("env", "ports"):
                names = [each["name"] for each in container.get(key, [])]
                if len(set(names)) < len(names):
                    yield f"{workload}/{container['name']}: a name in {key} is there twice"


POLICIES: list[Policy] = [foreign_fields, repeated]
BREAKS: dict[Policy, list[Edit]] = {
    foreign_fields: [
        Edit("Deployment", "metadata/namespace", "tradewind"),
        Edit("Deployment", "spec/replicas", 2),
        Edit("Service", "spec/clusterIP", None),
    ],
    repeated: [
        Edit("ServiceAccount/auth", "metadata/name", "auth-migrate"),
        Edit("Deployment", "spec/template/spec/containers/0/ports/0/name", "http-metrics"),
    ],
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_no_chart_has(policy: Policy) -> None:
    assert_silent(policy)


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_a_chart_has(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", Scenario(("prod",), "istio")), BREAKS[policy])) == []


def test_no_object_is_in_two_charts() -> None:
    for system in systems():
        owners: dict[tuple[str, str], str] = {}
        for chart, rendered in system.items():
            for thing in rendered.objects:
                owner = owners.setdefault((rendered.namespace, named(thing)), chart)
                assert owner == chart, f"{owner} and {chart} both write {named(thing)} [{rendered.scenario}]"


def test_umbrella_gives_what_its_charts_give() -> None:
    off = {name for name, each in manifests().items() if each.development_only}
    held = [each["name"] for each in metadata(UMBRELLA)["dependencies"]]
    parts = [each for each in held if each not in off]
    # Elsewhere each chart's own values say more than the umbrella's one file.
    for scenario in (each for each in MATRIX if each.files == ("default",)):
        whole = {named(each) for each in render(UMBRELLA, scenario).objects}
        assert whole == {named(each) for part in parts for each in render(part, scenario).objects}, scenario


def test_umbrella_holds_no_database() -> None:
    """The hooks of all subcharts run before any of them is installed: the migration would wait for it for ever."""
    assert "dev-infra" not in [each["name"] for each in metadata(UMBRELLA)["dependencies"]]


def test_same_values_give_the_same_text() -> None:
    values = scenario_values("auth", NONE)
    assert yaml.safe_dump(objects_of("auth", values)) == yaml.safe_dump(objects_of("auth", values))


def _checksums(objects: list[Object]) -> dict[str, str]:
    return {str(each): each.annotations.get("checksum/config", "") for each in workloads(objects) if each.serves}


@pytest.mark.parametrize("change", [{"config": {"LOG__LEVEL": "debug"}}])
def test_pods_roll_when_their_configuration_changes(change: dict[str, Any]) -> None:
    for chart in manifests():
        values = scenario_values(chart, NONE)
        before, after = objects_of(chart, values), objects_of(chart, merged(values, change))
        assert all(_checksums(before).values()), chart
        assert not _checksums(before).items() & _checksums(after).items(), chart
