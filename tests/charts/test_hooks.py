"""What runs before a release is there and what asks it questions afterwards: migrations and tests."""

from collections.abc import Iterator

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    ISTIO,
    MATRIX,
    Object,
    Policy,
    Workload,
    assert_silent,
    helm,
    manifests,
    merged,
    named,
    objects_of,
    render,
    scenario_values,
    service_charts,
    service_renders,
    workloads,
)

OWNERS = [name for name, manifest in manifests().items() if manifest.owns.database]


def hook(thing: Object) -> str:
    """Return when Helm makes an object by itself; nothing for what is part of the release."""
    annotations = thing["metadata"].get("annotations") or {}
    return str(annotations.get("helm.sh/hook", ""))


def premature(objects: list[Object]) -> Iterator[str]:
    """Hooks that need what does not exist yet, or that delete a live object of the same name."""
    live = {named(each) for each in objects if not hook(each)}
    early = {named(each): _weight(each) for each in objects if "pre-install" in hook(each)}
    for thing in objects:
        if not hook(thing):
            continue
        if named(thing) in live:
            yield f"{named(thing)} has the name of what is installed"
        annotations = thing["metadata"]["annotations"]
        if "before-hook-creation" not in annotations.get("helm.sh/hook-delete-policy", ""):
            yield f"{named(thing)} is in the way of the next one"
    for workload in workloads(objects):
        if "pre-install" in hook(workload.object):
            for needed in _needs(workload):
                if early.get(needed, 1) >= _weight(workload.object):
                    yield f"{workload} needs {needed}, which is not there yet"
            policies = [
                early[named(each)]
                for each in objects
                if each["kind"] == "NetworkPolicy"
                and "pre-install" in hook(each)
                and each["spec"]["podSelector"]["matchLabels"].items() <= workload.labels.items()
            ]
            if not policies or min(policies) >= _weight(workload.object):
                yield f"{workload} runs before its NetworkPolicy"


def _weight(thing: Object) -> int:
    return int(thing["metadata"]["annotations"].get("helm.sh/hook-weight", "0"))


def _needs(workload: Workload) -> Iterator[str]:
    yield f"ServiceAccount/{workload.pod['serviceAccountName']}"
    for container in workload.containers:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield f"ConfigMap/{source['configMapRef']['name']}"


def unbounded(objects: list[Object]) -> Iterator[str]:
    """Jobs that go on for ever, stay for ever, or leave nothing to read when they fail."""
    for thing in objects:
        if thing["kind"] == "Job":
            spec = thing["spec"]
            if not spec.get("activeDeadlineSeconds") or "backoffLimit" not in spec:
                yield f"{named(thing)} may go on for ever"
            if spec.get("ttlSecondsAfterFinished", 0) < 3600:
                yield f"{named(thing)} stays for ever, or not long enough to be read"
            annotations = thing["metadata"].get("annotations", {})
            if hook(thing) and "hook-failed" in annotations["helm.sh/hook-delete-policy"]:
                yield f"{named(thing)} is gone when it has failed"
            if hook(thing) and annotations.get("helm.sh/hook-output-log-policy") != "hook-failed":
                yield f"{named(thing)} fails without showing its log"


POLICIES: list[Policy] = [premature, unbounded]
BREAKS: dict[Policy, list[Edit]] = {
    premature: [
        Edit("Job", "spec/template/spec/serviceAccountName", "auth"),
        Edit("Job", "spec/template/spec/containers/0/envFrom/0/configMapRef/name", "auth"),
        Edit("Job", "metadata/annotations/helm.sh~1hook-weight", "-20"),
        Edit("Job", "metadata/annotations/helm.sh~1hook-delete-policy"),
        Edit("ConfigMap/auth-migrate", "metadata/name", "auth"),
        Edit("NetworkPolicy/auth-migrate", "spec/podSelector/matchLabels/app.kubernetes.io~1component", "api"),
    ],
    unbounded: [
        Edit("Job", "spec/activeDeadlineSeconds"),
        Edit("Job", "spec/ttlSecondsAfterFinished"),
        Edit("Job", "metadata/annotations/helm.sh~1hook-output-log-policy"),
    ],
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_no_chart_has_a_hook_that_is(policy: Policy) -> None:
    assert_silent(policy)


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_a_hook_is(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", ISTIO), BREAKS[policy])) == []


def test_services_with_a_database_migrate_it_and_others_do_not() -> None:
    for rendered in service_renders():
        jobs = [each["metadata"]["name"] for each in rendered.of("Job")]
        assert jobs == [f"{rendered.chart}-migrate"] * (rendered.chart in OWNERS), rendered


@pytest.mark.parametrize("chart", OWNERS)
def test_plain_job_has_another_name_for_another_image(chart: str) -> None:
    """A Job's template cannot be changed, and under GitOps each release has the number 1."""
    values = merged(scenario_values(chart, ISTIO), {"migrations": {"mode": "job"}})
    names = []
    for tag in ("git-1", "git-2", "git-1"):
        objects = objects_of(chart, merged(values, {"image": {"tag": tag}}))
        (job,) = [each for each in objects if each["kind"] == "Job"]
        assert hook(job) == ""
        assert all("pre-install" not in hook(each) for each in objects)
        names.append(job["metadata"]["name"])
    assert names[0] == names[2] != names[1]


@pytest.mark.parametrize("chart", OWNERS)
def test_migration_can_be_left_to_others(chart: str) -> None:
    values = merged(scenario_values(chart, ISTIO), {"migrations": {"mode": "none"}})
    assert [named(each) for each in objects_of(chart, values) if "migrate" in named(each)] == []


@pytest.mark.parametrize("chart", OWNERS)
@pytest.mark.parametrize(
    "late",
    [
        {"secretValues": {"CLIENT__SECRET": "x"}},
        {"externalSecret": {"enabled": True, "data": {"CLIENT__SECRET": {"key": "auth"}}}},
    ],
    ids=["values", "external"],
)
def test_secret_that_comes_too_late_is_a_sentence(chart: str, late: dict[str, object]) -> None:
    values = merged(scenario_values(chart, ISTIO), late)
    with pytest.raises(helm().HelmRenderError, match=r"too late for the migration hook.*existingSecret"):
        objects_of(chart, values)
    in_time = objects_of(chart, merged(values, {"migrations": {"mode": "job"}}))
    assert [each["metadata"]["name"] for each in in_time if each["kind"] in {"Secret", "ExternalSecret"}] == [chart]


@pytest.mark.parametrize("chart", service_charts())
def test_a_release_is_tested_with_its_own_image(chart: str) -> None:
    rendered = render(chart, ISTIO)
    (pod,) = [each for each in workloads(rendered.objects) if each.object["kind"] == "Pod"]
    (api,) = [each for each in workloads(rendered.objects) if each.component == "api"]
    annotations = pod.object["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "test"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert pod.pod["containers"][0]["image"] == api.pod["containers"][0]["image"]
    assert pod.pod["serviceAccountName"] == f"{chart}-test"


@pytest.mark.parametrize("chart", service_charts())
def test_a_release_is_asked_for_what_must_be_refused_where_a_mesh_refuses(chart: str) -> None:
    for scenario in MATRIX:
        rendered = render(chart, scenario)
        (pod,) = [each for each in workloads(rendered.objects) if each.object["kind"] == "Pod"]
        asked = pod.pod["containers"][0]["args"]
        assert f"GET http://{chart}/readyz 200" in asked
        assert any(each.endswith(" 403") for each in asked) is (rendered.mesh != "none"), rendered
