"""What things are called: labels that are complete, selectors that match exactly the pods they are meant for."""

from collections.abc import Iterator, Mapping

import pytest

from tests.charts.breaking import Edit, unnoticed
from tests.charts.rendering import (
    ISTIO,
    Object,
    Policy,
    Workload,
    assert_silent,
    named,
    render,
    service_charts,
    service_renders,
    workloads,
)

NAME, INSTANCE, COMPONENT = (f"app.kubernetes.io/{each}" for each in ("name", "instance", "component"))
IDENTITY = {NAME, INSTANCE, COMPONENT}
COMPLETE = {f"app.kubernetes.io/{each}" for each in ("name", "instance", "part-of", "managed-by")}
POD_COMPLETE = IDENTITY | {"app.kubernetes.io/part-of"}


def unlabelled(objects: list[Object]) -> Iterator[str]:
    """Objects without the recommended labels, and pods without those by which they are found."""
    for thing in objects:
        labels = thing["metadata"].get("labels") or {}
        if missing := COMPLETE - labels.keys():
            yield f"{named(thing)} has no {sorted(missing)}"
        if "helm.sh/chart" not in labels:
            yield f"{named(thing)} names no chart"
    for workload in workloads(objects):
        if missing := POD_COMPLETE - workload.labels.keys():
            yield f"{workload}: its pods have no {sorted(missing)}"
        if workload.object["kind"] != "Pod" and "helm.sh/chart" in workload.labels:
            yield f"{workload}: its pods would roll with each version of the chart"


def strangers(objects: list[Object]) -> Iterator[str]:
    """Services' objects that are not part of the system, or pods whose version nobody can read."""
    for thing in objects:
        if thing["metadata"]["labels"].get("app.kubernetes.io/part-of") != "tradewind":
            yield f"{named(thing)} is not part of tradewind"
    for workload in workloads(objects):
        if not workload.labels.get("app.kubernetes.io/version"):
            yield f"{workload}: its pods have no version"


def vague_selectors(objects: list[Object]) -> Iterator[str]:
    """Selectors that leave out what tells two components, or two releases, apart."""
    for thing, selector in selectors(objects):
        if thing["kind"] in {"Deployment", "StatefulSet"} and selector.keys() != IDENTITY:
            yield f"{named(thing)} selects by {sorted(selector)}"
        if thing["kind"] in {"Service", "PodDisruptionBudget"} and not selector.keys() >= IDENTITY:
            yield f"{named(thing)} selects by {sorted(selector)}"
        if thing["kind"] not in MANY and NAME in selector and COMPONENT not in selector:
            yield f"{named(thing)} selects every component of {selector[NAME]}"


def wrong_pods(objects: list[Object]) -> Iterator[str]:
    """Selectors that match no pod of the chart, or pods of several workloads."""
    for thing, selector in selectors(objects):
        found = [str(each) for each in workloads(objects) if matches(selector, each.labels)]
        if thing["kind"] in {"Deployment", "StatefulSet"} and found != [named(thing)]:
            yield f"{named(thing)} selects {found}"
        if thing["kind"] in {"Service", "PodDisruptionBudget"} and len(found) != 1:
            yield f"{named(thing)} selects {found}"
        if thing["kind"] not in MANY and NAME in selector and not found:
            yield f"{named(thing)} selects nothing"


# These may speak of all pods of a chart.
MANY = {"PodMonitor", "ServiceMonitor", "NetworkPolicy"}


def selectors(objects: list[Object]) -> Iterator[tuple[Object, Mapping[str, str]]]:
    """Yield each object that selects pods of its own namespace, with the labels it asks for."""
    for thing in objects:
        spec = thing.get("spec") or {}
        if thing["kind"] == "Service":
            selector = spec.get("selector")
        elif thing["kind"] in {"NetworkPolicy", "Server"}:
            selector = spec["podSelector"].get("matchLabels")
        else:
            selector = spec.get("selector", {}).get("matchLabels")
        if selector:
            yield thing, selector


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether labels are what a selector asks for."""
    return selector.items() <= labels.items()


def shared_scaling(objects: list[Object]) -> Iterator[str]:
    """Workloads whose pods another's HPA would average in: it finds them by the Deployment's selector."""
    every = workloads(objects)
    for one in every:
        selector = one.object["spec"].get("selector", {}).get("matchLabels")
        if selector:
            others = [str(each) for each in every if each.object is not one.object and matches(selector, each.labels)]
            yield from (f"{one} takes in the pods of {other}" for other in others)


POLICIES: list[Policy] = [unlabelled, vague_selectors, wrong_pods, shared_scaling]
LABELS = "spec/template/metadata/labels"
BREAKS: dict[Policy, list[Edit]] = {
    unlabelled: [
        Edit("Service", "metadata/labels/app.kubernetes.io~1instance"),
        Edit("Deployment", f"{LABELS}/app.kubernetes.io~1part-of"),
        Edit("Deployment", f"{LABELS}/helm.sh~1chart", "auth-1.0.0"),
    ],
    strangers: [
        Edit("Service", "metadata/labels/app.kubernetes.io~1part-of", "auth"),
        Edit("Deployment", f"{LABELS}/app.kubernetes.io~1version"),
    ],
    vague_selectors: [
        Edit("Service", "spec/selector/app.kubernetes.io~1component"),
        Edit("Deployment", "spec/selector/matchLabels/app.kubernetes.io~1instance"),
        Edit("AuthorizationPolicy", "spec/selector/matchLabels/app.kubernetes.io~1component"),
    ],
    wrong_pods: [
        Edit("Service", "spec/selector/app.kubernetes.io~1component", "web"),
        Edit("Job", f"{LABELS}/app.kubernetes.io~1component", "api"),
        Edit("PodDisruptionBudget", "spec/selector/matchLabels/app.kubernetes.io~1name", "other"),
    ],
    shared_scaling: [Edit("Job", f"{LABELS}/app.kubernetes.io~1component", "api")],
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_no_chart_has(policy: Policy) -> None:
    assert_silent(policy)


def test_no_service_has_strangers() -> None:
    assert_silent(strangers, service_renders())


@pytest.mark.parametrize("policy", BREAKS, ids=lambda policy: policy.__name__)
def test_it_is_noticed_when_a_chart_has(policy: Policy) -> None:
    assert list(unnoticed(policy, render("auth", ISTIO), BREAKS[policy])) == []


def test_components_of_a_chart_have_each_their_name() -> None:
    for rendered in (render(chart, ISTIO) for chart in service_charts()):
        found = [(each.component, each.object["kind"]) for each in workloads(rendered.objects)]
        names = [component for component, _ in found]
        assert sorted(set(names)) == sorted(names), rendered
        assert ("api", "Deployment") in found
        assert ("test", "Pod") in found


def test_names_are_those_by_which_others_find_a_service() -> None:
    for chart in service_charts():
        rendered = render(chart, ISTIO)
        service, deployment = rendered.named("Service", chart), rendered.named("Deployment", chart)
        rendered.named("ServiceAccount", chart)
        assert service["spec"]["selector"].items() <= Workload(deployment).labels.items()
        assert Workload(deployment).pod["serviceAccountName"] == chart
        assert Workload(deployment).labels[NAME] == chart
