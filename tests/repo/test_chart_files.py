"""What ``hack/charts.py`` makes of a commented ``values.yaml``: a schema that refuses, and a README that explains."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIBRARY = """\
exports:
  service:
    global:
      mesh:
        # -- The mesh.
        # @enum none, istio
        provider: istio
    image:
      # -- The tag.
      # @schema pattern: "^[a-z]"
      tag: ""
    # -- Pods.
    # @schema minimum: 0
    replicaCount: 2
    # -- Settings.
    # @schema additionalProperties: {type: string}
    config: {LEVEL: info}
    # -- What it may use.
    resources: {requests: {cpu: 100m}}
"""
OWN = """\
image:
  tag: abc
# -- What only this
# chart has; a | b.
own: true
"""


class Charts:
    """A repository with a library and one chart."""

    def __init__(self, folder: Path, script: Path) -> None:
        self.folder = folder
        self.script = script
        self.write("common/Chart.yaml", "{apiVersion: v2, name: common, type: library, version: 1.0.0}")
        self.write("common/values.yaml", LIBRARY)
        self.chart("shop", OWN)

    def write(self, path: str, text: str) -> None:
        target = self.folder / "charts" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def chart(
        self, name: str, values: str, *, dependencies: str = "[{name: common, import-values: [service]}]"
    ) -> None:
        self.write(
            f"{name}/Chart.yaml",
            f"apiVersion: v2\nname: {name}\nversion: 1.0.0\ndescription: Sells.\nkubeVersion: '>=1.33.0-0'\n"
            f"dependencies: {dependencies}\n",
        )
        self.write(f"{name}/values.yaml", values)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.script), "--root", str(self.folder), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def schema(self, chart: str = "shop") -> dict[str, Any]:
        done = self.run()
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads((self.folder / f"charts/{chart}/values.schema.json").read_text())
        return found


@pytest.fixture
def charts(tmp_path: Path, root: Path) -> Charts:
    return Charts(tmp_path, root / "hack/charts.py")


def test_checked_in_files_are_current(root: Path) -> None:
    done = subprocess.run([sys.executable, str(root / "hack/charts.py"), "--check"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_values_of_the_library_are_the_charts(charts: Charts) -> None:
    properties = charts.schema()["properties"]
    assert properties["replicaCount"] == {"description": "Pods.", "type": "integer", "minimum": 0}
    assert properties["image"]["properties"]["tag"]["pattern"] == "^[a-z]"
    assert properties["own"] == {"description": "What only this chart has; a | b.", "type": "boolean"}


def test_groups_are_closed_and_maps_take_what_they_say(charts: Charts) -> None:
    schema = charts.schema()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["image"]["additionalProperties"] is False
    assert schema["properties"]["config"]["additionalProperties"] == {"type": "string"}
    assert "properties" not in schema["properties"]["config"]


def test_what_an_umbrella_adds_is_open(charts: Charts) -> None:
    charts.chart("whole", "shop:\n  # -- Install it.\n  enabled: true\n", dependencies="[{name: shop}]")
    shared = charts.schema()["properties"]["global"]
    assert "additionalProperties" not in shared
    assert "additionalProperties" not in shared["properties"]["mesh"]
    assert charts.schema("whole")["properties"]["shop"] == {
        "type": "object",
        "description": "Values of the chart shop.",
    }


def test_every_chart_knows_the_meshes(charts: Charts) -> None:
    charts.chart("bare", "{}", dependencies="[]")
    mesh = charts.schema("bare")["properties"]["global"]["properties"]["mesh"]
    assert mesh["properties"]["provider"]["enum"] == ["none", "istio"]


def test_what_kubernetes_defines_has_its_shape_whatever_the_default(charts: Charts) -> None:
    resources = charts.schema()["properties"]["resources"]
    assert resources["additionalProperties"] is False
    assert resources["properties"].keys() == {"requests", "limits"}


def test_readme_lists_every_value_with_its_default(charts: Charts) -> None:
    charts.schema()
    lines = (charts.folder / "charts/shop/README.md").read_text().splitlines()
    assert "| `image.tag` | `abc` | The tag. |" in lines
    assert "| `own` | `true` | What only this chart has; a \\| b. |" in lines
    assert "| `global.mesh.provider` | `istio` | The mesh. One of: `none`, `istio`. |" in lines


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("image:\n  size: 1\n", "image.size has no comment"),
        ("# -- It.\n# @schema [\nown: 1\n", "no YAML"),
        ("# -- It.\n# @schema word\nown: 1\n", "no mapping"),
    ],
    ids=["untold", "broken", "word"],
)
def test_what_is_not_explained_is_refused_with_a_sentence(charts: Charts, values: str, said: str) -> None:
    charts.chart("shop", values)
    done = charts.run()
    assert done.returncode == 2
    assert "charts/shop/values.yaml" in done.stderr
    assert said in done.stderr


def test_drift_is_shown_and_fails(charts: Charts) -> None:
    assert charts.run("--check").returncode == 1
    assert charts.run().returncode == 0
    assert charts.run("--check").returncode == 0
    charts.chart("shop", OWN.replace("abc", "def"))
    drifted = charts.run("--check")
    assert drifted.returncode == 1
    assert "+| `image.tag` | `def` | The tag. |" in drifted.stderr
