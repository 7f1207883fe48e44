"""Every rendered object of a kind that Kubernetes itself knows is one that it takes, unknown fields refused."""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from referencing import Registry, Resource

from tests.charts.breaking import Edit
from tests.charts.rendering import (
    NONE,
    Object,
    named,
    pins,
    render,
    renders,
)

BUILT_IN = re.compile(r"v1|(apps|batch|policy|autoscaling)/.*|(?!gateway\.networking)[a-z.]+\.k8s\.io/.*")

KUBERNETES = os.environ.get("KUBERNETES_VERSION") or pins()["KUBERNETES_VERSION"]
"""Besides the oldest that the charts name."""


def schema_folder(version: str) -> Path:
    """Return the folder with the strict schemas of a version, one file per kind."""
    return Path(kubernetes_validate.__file__).parent / f"kubernetes-json-schema/v{version}.0-local-strict"


class Schemas:
    """Kubernetes' schemas of one version, unknown fields refused; each is read once."""

    def __init__(self, version: str) -> None:
        self._folder = schema_folder(version)
        definitions = json.loads((self._folder / "_definitions.json").read_text())
        self._registry = (Resource.from_contents(definitions) @ Registry()).crawl()
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}

    def problems(self, thing: Object) -> Iterator[str]:
        """Yield what is wrong with an object of a built-in kind."""
        group, _, version = thing["apiVersion"].rpartition("/")
        name = "-".join(filter(None, (thing["kind"].lower(), group.partition(".")[0], version)))
        for error in self._validator(name).iter_errors(thing):
            yield f"{named(thing)}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"

    def _validator(self, name: str) -> jsonschema.Draft202012Validator:
        if name not in self._validators:
            schema = json.loads((self._folder / f"{name}.json").read_text())
            registry = Resource.from_contents(schema) @ self._registry
            self._validators[name] = jsonschema.Draft202012Validator(schema, registry=registry)
        return self._validators[name]


@cache
def schemas(version: str) -> Schemas:
    return Schemas(version)


def is_built_in(thing: Object) -> bool:
    """Tell whether Kubernetes itself knows the kind: no schemas of others are kept here."""
    return BUILT_IN.fullmatch(thing["apiVersion"]) is not None


@cache
def distinct() -> list[Object]:
    """Return every different object of all charts in all scenarios."""
    found = {json.dumps(each, sort_keys=True): each for rendered in renders() for each in rendered.objects}
    return list(found.values())


@pytest.mark.parametrize("version", sorted({"1.33", KUBERNETES}))
def test_built_in_objects_are_valid(version: str) -> None:
    problems = {problem for thing in distinct() if is_built_in(thing) for problem in schemas(version).problems(thing)}
    assert sorted(problems) == []


def test_unknown_field_is_noticed() -> None:
    deployment = render("auth", NONE).named("Deployment", "auth")
    (broken,) = Edit("Deployment", "spec/template/spec/container", []).apply([deployment])
    assert list(schemas(KUBERNETES).problems(deployment)) == []
    assert list(schemas(KUBERNETES).problems(broken)) != []
