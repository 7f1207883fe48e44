"""What an installer may say: a wrong value is refused, by name, before anything is installed."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.charts.rendering import (
    CHARTS,
    ISTIO,
    ROOT,
    UMBRELLA,
    charts,
    helm,
    load,
    manifests,
    merged,
    named,
    objects_of,
    render_files,
    scenario_values,
    service_charts,
    workloads,
)

each_chart = pytest.mark.parametrize("chart", charts())
each_service = pytest.mark.parametrize("chart", service_charts())


def refusal(chart: str, over: dict[str, Any]) -> str:
    """Render with values that must be refused.

    Returns:
        What is said about them.
    """
    with pytest.raises((helm().HelmValuesError, helm().HelmRenderError)) as refused:
        render_files(chart, merged(scenario_values(chart, ISTIO), over))
    return str(refused.value)


def accepted(chart: str, over: dict[str, Any]) -> bool:
    """Tell whether a chart renders with values over its default ones."""
    return bool(render_files(chart, merged(scenario_values(chart, ISTIO), over)))


def schema(chart: str) -> dict[str, Any]:
    """Return a chart's schema."""
    found: dict[str, Any] = json.loads((CHARTS / chart / "values.schema.json").read_text())
    return found


@each_chart
def test_misspelt_value_is_refused_by_name(chart: str) -> None:
    assert "misspelt" in refusal(chart, {"misspelt": 1})


@each_service
@pytest.mark.parametrize(
    ("group", "name"),
    [("image", "tags"), ("database", "hosts"), ("mesh", "callers"), ("resources", "limit"), ("autoscaling", "max")],
)
def test_misspelt_value_within_a_group_is_refused_by_name(chart: str, group: str, name: str) -> None:
    said = refusal(chart, {group: {name: 1}})
    assert group in said
    assert name in said


@each_service
@pytest.mark.parametrize(
    ("over", "culprit"),
    [
        ({"replicaCount": "two"}, "replicaCount"),
        ({"replicaCount": -1}, "replicaCount"),
        ({"image": {"tag": 1234567}}, "tag"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"database": {"port": "5432"}}, "port"),
        ({"database": {"sslMode": "maybe"}}, "sslMode"),
        ({"migrations": {"mode": "sometimes"}}, "mode"),
        ({"env": ["A=b"]}, "env"),
        ({"config": "LOG__LEVEL=debug"}, "config"),
        ({"autoscaling": {"enabled": "yes"}}, "enabled"),
        ({"mesh": {"allowedCallers": [{"name": "orders"}]}}, "allowedCallers"),
        ({"mesh": {"allowedCallers": [{"name": "o", "methods": ["FETCH"], "paths": ["/v1"]}]}}, "methods"),
        ({"mesh": {"allowedCallers": [{"name": "o", "methods": ["GET"], "paths": ["v1"]}]}}, "paths"),
        ({"mesh": {"allowedCallers": [{"name": "o", "methods": ["GET"], "paths": ["/v1/*/x"]}]}}, "paths"),
        ({"mesh": {"allowedCallers": [{"name": "*s", "methods": ["GET"], "paths": ["/v1"]}]}}, "name"),
        ({"workers": {"relay": {"replica": 1}}}, "relay"),
    ],
    ids=lambda each: json.dumps(each) if isinstance(each, dict) else "",
)
def test_value_of_a_wrong_kind_is_refused_by_name(chart: str, over: dict[str, Any], culprit: str) -> None:
    assert culprit in refusal(chart, over)


@each_service
def test_more_callers_than_istio_takes_are_refused(chart: str) -> None:
    many = [{"name": f"caller-{number}", "methods": ["GET"], "paths": ["/v1/*"]} for number in range(17)]
    assert "allowedCallers" in refusal(chart, {"mesh": {"allowedCallers": many}})


@each_chart
@pytest.mark.parametrize("provider", ["consul", "sidecar", True])
def test_unknown_mesh_is_refused(chart: str, *, provider: object) -> None:
    assert "provider" in refusal(chart, {"global": {"mesh": {"provider": provider}}})


@each_chart
def test_what_an_umbrella_adds_is_let_through(chart: str) -> None:
    assert accepted(chart, {"global": {"region": "eu", "mesh": {"provider": "none"}}})
    assert accepted(chart, {"enabled": True, "common": {}})


@each_service
def test_two_ways_to_give_a_secret_are_refused_with_a_sentence(chart: str) -> None:
    said = refusal(chart, {"secretValues": {"CLIENT__SECRET": "x"}, "existingSecret": "mine"})
    assert "Set existingSecret or secretValues, not both." in said


@each_service
@pytest.mark.parametrize("missing", ["database", "valkey"])
def test_missing_server_is_a_sentence(chart: str, missing: str) -> None:
    if getattr(manifests()[chart].owns, {"database": "database", "valkey": "cache"}[missing]):
        assert f"Set {missing}.host to the" in refusal(chart, {missing: {"host": ""}})


@pytest.mark.parametrize("chart", [*service_charts(), "platform"])
def test_missing_issuer_is_a_sentence(chart: str) -> None:
    assert "Set global.issuer to the public base URL" in refusal(chart, {"global": {"issuer": ""}})


@each_chart
def test_schema_closes_every_group(chart: str) -> None:
    described = schema(chart)
    assert described["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert described["additionalProperties"] is False
    assert {"global", "common", "enabled"} <= described["properties"].keys()
    assert list(open_groups({**described["properties"], "global": {}, "common": {}}, chart)) == []


def open_groups(properties: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the groups with known members that take unknown ones too."""
    for name, each in properties.items():
        if known := each.get("properties"):
            if each.get("additionalProperties", True) is not False:
                yield f"{path}.{name}"
            yield from open_groups(known, f"{path}.{name}")


def test_open_group_is_noticed() -> None:
    assert list(open_groups({"image": {"properties": {"tag": {}}}}, "auth")) == ["auth.image"]


@each_chart
def test_every_default_is_what_the_schema_says(chart: str) -> None:
    load(chart, {}).validate_schema(scenario_values(chart, ISTIO))


def documented() -> Iterator[dict[str, Any]]:
    """Yield the values of the guide to an installation."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/install.md").read_text(), re.DOTALL | re.MULTILINE)
    for values in map(yaml.safe_load, blocks):
        if "global" in values:
            yield values


def test_values_of_the_guide_make_an_installation() -> None:
    found = list(documented())
    assert found
    for values in found:
        deployed = [each["metadata"]["name"] for each in objects_of(UMBRELLA, values) if each["kind"] == "Deployment"]
        for_all = {each for each in service_charts() if not manifests()[each].development_only}
        assert {name for name in deployed if "-" not in name} == for_all


@pytest.mark.parametrize("tag", ["git-1", "git-1@sha256:" + "1" * 64, "1" + "a" * 63], ids=["name", "pinned", "id"])
def test_tag_is_taken_as_it_is(tag: str) -> None:
    assert images("auth", {"image": {"tag": tag}}) == {f"auth:{tag}"}


@each_service
def test_image_is_its_digest_before_its_tag(chart: str) -> None:
    digest = f"sha256:{'0' * 64}"
    both = {"image": {"registry": "ghcr.io/shop", "tag": "git-1", "digest": digest}}
    assert images(chart, both) == {f"ghcr.io/shop/{chart}@{digest}"}
    assert images(chart, {"image": {"tag": "git-1"}}) == {f"{chart}:git-1"}
    registry = {"global": {"imageRegistry": "registry.example"}, "image": {"registry": "ghcr.io/shop", "tag": "git-1"}}
    assert images(chart, registry) == {f"registry.example/{chart}:git-1"}


def images(chart: str, over: dict[str, Any]) -> set[str]:
    """Return the images that a chart's containers run, its migration and its test included."""
    values = merged(scenario_values(chart, ISTIO), over)
    return {
        container["image"] for workload in workloads(objects_of(chart, values)) for container in workload.containers
    }


@each_service
def test_release_name_changes_no_name(chart: str) -> None:
    values = scenario_values(chart, ISTIO)
    one, other = objects_of(chart, values), objects_of(chart, values, release="another")
    assert [named(each) for each in one] == [named(each) for each in other]


@each_service
def test_own_objects_may_hold_templates(chart: str) -> None:
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}}
    values = merged(scenario_values(chart, ISTIO), {"extraObjects": [extra]})
    assert f"{chart}-more" in [each["metadata"]["name"] for each in objects_of(chart, values)]
