"""Opinions of others, where their programs are on PATH; with `REQUIRE=istioctl` its absence is a failure."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.testing import skip_without
from tests.charts.rendering import (
    DATA,
    ISTIO,
    NAMESPACE,
    Scenario,
    helm,
    system,
)
from tests.charts.test_schemas import KUBERNETES, schema_folder


def program(name: str) -> str:
    """Return the path of a program, or skip."""
    return shutil.which(name) or skip_without(name, f"{name} is not on PATH")


def run(*command: str) -> str:
    """Run a program that must succeed, and return what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def written(folder: Path, scenario: Scenario, *, data: bool = False) -> str:
    """Write what all charts give into one file, the data services' only where asked for; return its path."""
    path = folder / f"{scenario}.yaml"
    given = (rendered for chart, rendered in system(scenario).items() if data or chart != DATA)
    path.write_text(yaml.dump_all((each for rendered in given for each in rendered.objects), Dumper=yaml.CSafeDumper))
    return str(path)


def test_istioctl_validates_every_object(tmp_path: Path) -> None:
    run(program("istioctl"), "validate", "-f", written(tmp_path, ISTIO))


def test_istioctl_finds_nothing_to_say(tmp_path: Path) -> None:
    """Without `-n` it would look at the namespace `default` only."""
    analyze = ("analyze", "--use-kube=false", "-n", NAMESPACE, "--failure-threshold", "Warning")
    run(program("istioctl"), *analyze, written(tmp_path, ISTIO))


@pytest.mark.parametrize("mesh", ["none", "istio"])
def test_kubeconform_agrees(mesh: str, tmp_path: Path) -> None:
    """It would fetch its schemas: here it gets those that the Python package brings."""
    tool = program("kubeconform")
    location = f"{schema_folder(KUBERNETES)}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    path = written(tmp_path, Scenario(("default",), mesh), data=True)
    run(tool, "-strict", "-ignore-missing-schemas", "-schema-location", location, path)


# What kube-score calls critical, and why it is not so here. Besides these it is told to want no CPU limit.
EXCEPTIONS = {
    "container-image-pull-policy": "images are pinned by tag or digest, so the node's copy is the right one",
    "container-ephemeral-storage-request-and-limit": "the root is read-only, and /tmp is a volume with a limit",
    "networkpolicy-targets-pod": "the edge's pods come from the Gateway; test_network.py looks at every other selector",
}


@pytest.mark.parametrize("mesh", ["none", "istio"])
def test_kube_score_has_no_criticals(mesh: str, tmp_path: Path) -> None:
    tool = program("kube-score")
    ignored = [part for name in EXCEPTIONS for part in ("--ignore-test", name)]
    path = written(tmp_path, Scenario(("default",), mesh))
    run(tool, "score", "--ignore-container-cpu-limit", *ignored, "--kubernetes-version", f"v{KUBERNETES}", path)


def _rules() -> Iterator[tuple[str, Any]]:
    for chart, given in system(Scenario(("prod",), "istio")).items():
        for rule in given.of("PrometheusRule"):
            yield chart, rule["spec"]


def test_promtool_takes_every_rule(tmp_path: Path) -> None:
    tool = program("promtool")
    for chart, spec in _rules():
        path = tmp_path / f"{chart}.yaml"
        path.write_text(yaml.safe_dump(spec))
        run(tool, "check", "rules", str(path))


MINUTES = 12


def series(name: str, service: str, values: str, **labels: str) -> dict[str, str]:
    """Return a series of a service, with one value a minute."""
    given = {"namespace": NAMESPACE, "service": service, **labels}
    chosen = ",".join(f"{key}={json.dumps(value)}" for key, value in given.items())
    return {"series": f"{name}{{{chosen}}}", "values": values}


def up(service: str, component: str, value: int) -> dict[str, str]:
    """Return whether a pod is there."""
    return series("up", service, f"{value}x{MINUTES}", component=component, endpoint="http-metrics")


WELL = [up("orders", "api", 1), up("orders", "worker", 1)]


@pytest.mark.parametrize(
    ("service", "told", "alert"),
    [
        ("orders", WELL, None),
        ("orders", [up("orders", "api", 0), up("orders", "worker", 1)], "ServiceAway"),
        ("orders", [up("orders", "api", 1), up("orders", "worker", 0)], "WorkersAway"),
        ("orders", [*WELL, series("tradewind_orders_sagas_stuck", "orders", f"1x{MINUTES}")], "OrdersStuck"),
        ("orders", [*WELL, series("tradewind_orders_sagas_stuck", "orders", f"1x2 0x{MINUTES}")], None),
        (
            "payments",
            [up("payments", "api", 1), series("tradewind_payments_step_oldest_age_seconds", "payments", "0+60x12")],
            "ProviderOwesOutcomes",
        ),
    ],
)
def test_alert_is_raised_by_what_it_is_about(
    tmp_path: Path, service: str, told: list[dict[str, str]], alert: str | None
) -> None:
    rules = dict(_rules())[service]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    names = [each["alert"] for group in rules["groups"] for each in group["rules"]]
    assert alert is None or alert in names
    expected = [
        {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)', "eval_time": f"{MINUTES}m",
         "exp_samples": [{"labels": "{}", "value": int(name == alert)}]}
        for name in names
    ]  # fmt: skip
    test = {"interval": "1m", "input_series": told, "promql_expr_test": expected}
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    run(program("promtool"), "test", "rules", str(tmp_path / "test.yaml"))


def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    tool = program("promtool")
    config = system(ISTIO)[DATA].named("ConfigMap", "prometheus-config")["data"]["prometheus.yml"]
    path = tmp_path / "prometheus.yml"
    path.write_text(config)
    run(tool, "check", "config", "--syntax-only", str(path))


def test_helm_is_the_one_of_this_process_or_newer() -> None:
    assert helm().helm_sdk_version().startswith("v4.")
