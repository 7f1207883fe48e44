"""versions.env is the only place with pins: whoever has to repeat one, in a chart or in a text, says the same."""

import re
from collections.abc import Iterator, Mapping

import pytest
import yaml

from tests.charts.rendering import ROOT, charts, pins, renders, workloads


def images() -> dict[str, str]:
    """Return the pinned images."""
    return {name: value for name, value in pins().items() if name.endswith("_IMAGE")}


def repository(image: str) -> str:
    """Return an image's name without its tag and digest."""
    plain = image.partition("@")[0]
    head, colon, tail = plain.rpartition(":")
    return head if colon and "/" not in tail else plain


def test_charts_run_the_pinned_images() -> None:
    used = {
        container["image"]
        for rendered in renders()
        if rendered.chart == "dev-infra"
        for workload in workloads(rendered.objects)
        for container in workload.containers
    }
    assert used
    assert used <= set(images().values())


def test_files_repeat_pins_as_they_are() -> None:
    """Wherever else one of the pinned images is named, it has the pinned tag."""
    named = {repository(image): image for image in images().values()}
    found = dict(_mentions(named))
    assert found
    assert {place: given for place, (given, wanted) in found.items() if given != wanted} == {}


FILES = ("services/Dockerfile", "compose.yaml", "skaffold.yaml", "kind-config.yaml", "Makefile", "docs/**/*.md",
         "README.md", "charts/*/values.yaml", "charts/*/README.md", "mesh/**/*.yaml", "hack/**/*.y*ml")  # fmt: skip


def _mentions(wanted: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    names = "|".join(sorted(map(re.escape, wanted), key=len, reverse=True))
    image = re.compile(rf"(?<![\w./-])({names}):([\w][\w.-]*(?:@sha256:[0-9a-f]+)?)")
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            for found in image.finditer(path.read_text()):
                # PostgreSQL's port, or a YAML key, is no tag.
                if found[1] not in {"postgres", "nats", "python"} or not re.fullmatch(r"\d{4,5}", found[2]):
                    yield f"{path.relative_to(ROOT)}: {found[0]}", (found[0], wanted[found[1]])


def test_another_tag_is_noticed() -> None:
    assert repository("valkey/valkey:8.1") == "valkey/valkey"
    assert repository("registry.example:5000/valkey") == "registry.example:5000/valkey"
    assert repository("kindest/node:v1.34.11@sha256:44") == "kindest/node"


@pytest.mark.parametrize("chart", charts())
def test_chart_needs_a_kubernetes_that_the_pin_satisfies(chart: str) -> None:
    described = yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text())
    least = tuple(int(each) for each in re.findall(r"\d+", described["kubeVersion"])[:2])
    assert least <= tuple(int(each) for each in pins()["KUBERNETES_VERSION"].split("."))


def test_mesh_is_installed_in_the_pinned_version() -> None:
    for path in ROOT.glob("mesh/istio/*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            spec = (document or {}).get("spec", {})
            assert spec.get("tag", pins()["ISTIO_VERSION"]) == pins()["ISTIO_VERSION"], path
            assert spec.get("hub", pins()["ISTIO_HUB"]) == pins()["ISTIO_HUB"], path
