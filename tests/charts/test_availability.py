"""A pod may go at any time: replicas, disruption budgets, spread, roll-outs and autoscaling."""

from collections.abc import Iterator

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    ISTIO,
    NONE,
    Object,
    Policy,
    Scenario,
    Workload,
    assert_silent,
    merged,
    objects_of,
    render,
    scenario_values,
    service_charts,
    service_renders,
    workloads,
)
from tests.charts.test_labels import matches

SCALE_DOWN = {"stabilizationWindowSeconds": 300, "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]}


def serving(objects: list[Object]) -> list[Workload]:
    """Return the Deployments among the objects."""
    return [each for each in workloads(objects) if each.serves]


def scaler(objects: list[Object], workload: Workload) -> Object | None:
    """Return the HPA of a workload, where it has one."""
    name = workload.object["metadata"]["name"]
    return next(
        (
            each
            for each in objects
            if each["kind"] == "HorizontalPodAutoscaler" and each["spec"]["scaleTargetRef"]["name"] == name
        ),
        None,
    )


def replicas(objects: list[Object], workload: Workload) -> tuple[int, int]:
    """Return the least and the most pods that a Deployment has, a roll-out's surge left out."""
    if autoscaler := scaler(objects, workload):
        return autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]
    fixed = workload.object["spec"].get("replicas", 1)
    return fixed, fixed


def fragile(objects: list[Object]) -> Iterator[str]:
    """Deployments that a drained node, or a roll-out, takes away altogether."""
    budgets = [each for each in objects if each["kind"] == "PodDisruptionBudget"]
    for workload in serving(objects):
        spec = workload.object["spec"]
        least, _ = replicas(objects, workload)
        if workload.component == "api" and least < 2:
            yield f"{workload} has {least} replica"
        update = spec.get("strategy", {}).get("rollingUpdate", {})
        if update.get("maxUnavailable") != 0:
            yield f"{workload} is rolled out with {update.get('maxUnavailable')} unavailable"
        if spec.get("minReadySeconds", 0) < 5:
            yield f"{workload} counts a pod as ready at once"
        own = [each for each in budgets if matches(each["spec"]["selector"]["matchLabels"], workload.labels)]
        if len(own) != 1:
            yield f"{workload} has {len(own)} disruption budgets"
    for budget in budgets:
        spec = budget["spec"]
        if spec.get("maxUnavailable") != 1 or "minAvailable" in spec:
            yield f"PodDisruptionBudget/{budget['metadata']['name']} can block a drain for ever"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"PodDisruptionBudget/{budget['metadata']['name']} keeps a broken pod on its node"


def crowded(objects: list[Object]) -> Iterator[str]:
    """Deployments whose pods may all stand on one node or in one zone, or for which that is forbidden."""
    for workload in serving(objects):
        spread = {each["topologyKey"]: each for each in workload.pod.get("topologySpreadConstraints", [])}
        if spread.keys() != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{workload} is spread over {sorted(spread)}"
        for key, constraint in spread.items():
            if constraint["whenUnsatisfiable"] != "ScheduleAnyway":
                yield f"{workload} would rather not run than share a {key}"
            if constraint.get("matchLabelKeys") != ["pod-template-hash"]:
                yield f"{workload}: the old pods of a roll-out count for {key}"
            if not matches(constraint["labelSelector"]["matchLabels"], workload.labels):
                yield f"{workload} is spread among other pods over {key}"


def ill_scaled(objects: list[Object]) -> Iterator[str]:
    """Autoscalers that look at the proxy, at memory, or at a Deployment that is not there."""
    names = {each.object["metadata"]["name"] for each in serving(objects)}
    for thing in objects:
        if thing["kind"] != "HorizontalPodAutoscaler":
            continue
        name = f"HorizontalPodAutoscaler/{thing['metadata']['name']}"
        spec = thing["spec"]
        if spec["scaleTargetRef"]["name"] not in names:
            yield f"{name} scales {spec['scaleTargetRef']['name']}, which is no Deployment of the chart"
        for metric in spec["metrics"]:
            source = metric.get("containerResource", {})
            if metric["type"] != "ContainerResource" or source.get("container") != "app" or source["name"] != "cpu":
                yield f"{name} goes by {metric}"
        if spec["minReplicas"] > spec["maxReplicas"]:
            yield f"{name} has a least above its most"
        if spec.get("behavior", {}).get("scaleUp", {}).get("stabilizationWindowSeconds") != 0:
            yield f"{name} waits before it scales up"


def hasty_scaling(objects: list[Object]) -> Iterator[str]:
    """Autoscalers that take pods away sooner than in five minutes, or more than half of them in a minute."""
    for thing in objects:
        if thing["kind"] == "HorizontalPodAutoscaler" and thing["spec"]["behavior"]["scaleDown"] != SCALE_DOWN:
            yield f"HorizontalPodAutoscaler/{thing['metadata']['name']} scales down by other rules"


POLICIES: list[Policy] = [fragile, crowded, ill_scaled]
SPREAD = "spec/template/spec/topologySpreadConstraints"
BREAKS: dict[Policy, list[Edit]] = {
    fragile: [
        Edit("HorizontalPodAutoscaler", "spec/minReplicas", 1),
        Edit("Deployment", "spec/strategy"),
        Edit("Deployment", "spec/minReadySeconds"),
        Edit("PodDisruptionBudget", "spec/selector/matchLabels/app.kubernetes.io~1component", "web"),
        Edit("PodDisruptionBudget", "spec/minAvailable", 1),
        Edit("PodDisruptionBudget", "spec/unhealthyPodEvictionPolicy"),
    ],
    crowded: [
        Edit("Deployment", f"{SPREAD}/0"),
        Edit("Deployment", f"{SPREAD}/0/whenUnsatisfiable", "DoNotSchedule"),
        Edit("Deployment", f"{SPREAD}/1/matchLabelKeys"),
    ],
    ill_scaled: [
        Edit("HorizontalPodAutoscaler", "spec/metrics/0/type", "Resource"),
        Edit("HorizontalPodAutoscaler", "spec/metrics/0/containerResource/container", "istio-proxy"),
        Edit("HorizontalPodAutoscaler", "spec/scaleTargetRef/name", "other"),
    ],
    hasty_scaling: [Edit("HorizontalPodAutoscaler", "spec/behavior/scaleDown/stabilizationWindowSeconds", 15)],
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_no_service_is(policy: Policy) -> None:
    assert_silent(policy, service_renders())


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_a_service_is(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", Scenario(("prod",), "none")), BREAKS[policy])) == []


def test_only_kind_scales_down_fast() -> None:
    assert_silent(hasty_scaling, (each for each in service_renders() if not each.scenario.on_kind))


def test_kind_scales_the_gateway_down_while_a_test_looks() -> None:
    on_kind = [each for each in service_renders() if each.scenario.on_kind and each.chart == "gateway"]
    windows = {
        scaled["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        for each in on_kind
        for scaled in each.of("HorizontalPodAutoscaler")
    }
    assert windows == {15}


@pytest.mark.parametrize("chart", service_charts())
def test_replicas_are_the_charts_exactly_when_nothing_scales(chart: str) -> None:
    for enabled in (True, False):
        values = merged(scenario_values(chart, NONE), {"autoscaling": {"enabled": enabled}, "replicaCount": 3})
        objects = objects_of(chart, values)
        (api,) = [each for each in serving(objects) if each.component == "api"]
        assert api.object["spec"].get("replicas") == (None if enabled else 3)
        assert (scaler(objects, api) is not None) is enabled


@pytest.mark.parametrize("chart", service_charts())
def test_worker_is_a_deployment_of_its_own(chart: str) -> None:
    """Its pods are its own: own selector, budget and autoscaler, and no part of the Service."""
    worker = {"args": ["work"], "replicaCount": 2}
    values = merged(scenario_values(chart, ISTIO), {"workers": {"relay": worker}})
    objects = objects_of(chart, values)
    assert sorted(each.component for each in serving(objects)) == sorted({"api", "relay", *(_workers(chart))})
    for policy in (fragile, crowded, ill_scaled):
        assert list(policy(objects)) == []


def _workers(chart: str) -> set[str]:
    return {each.component for each in serving(list(render(chart, ISTIO).objects))}
