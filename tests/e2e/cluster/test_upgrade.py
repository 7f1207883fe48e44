"""A release is replaced by the next one, and that by the one before, while people use the system.

The file `upgrade-from` names a commit. The images and charts of some of its services are installed, then those of this
checkout over them. What they stand on, database, broker and platform, stays as it is, and so do the other services.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Client

from tests.e2e.checkout import EVERY_SERVICE, REPOSITORY, services
from tests.e2e.cluster.access import SERVICES, Cluster, few
from tests.e2e.cluster.load import steady_load
from tests.e2e.people import Person, eventually

_MINUTES = 10
UPGRADED = ("auth", "gateway", "orders")
"""All requests pass one of them, all tokens come from another, and the third has sagas, workers and a migration."""


def script(cluster: Cluster, checkout: Path, name: str, *verb: str) -> None:
    """Run a checkout's own script for the cluster, in the environment that make gave us."""
    environment = {**cluster.environment, "KIND_CLUSTER": cluster.name, "MESH": cluster.mesh}
    done = subprocess.run(
        [checkout / "hack" / name, *verb],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_MINUTES * 60,
    )
    assert done.returncode == 0, f"{name} {verb}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def images(cluster: Cluster) -> dict[str, str]:
    """The image that each service runs on before anything else is installed: this checkout's."""
    return {name: cluster.image(name) for name in EVERY_SERVICE}


@pytest.fixture(scope="module")
def earlier(cluster: Cluster, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout of the earlier commit, with its services installed; our own images have their names again."""
    commit = (Path(__file__).parent / "upgrade-from").read_text().strip()
    checkout = tmp_path_factory.mktemp("earlier") / "tradewind"
    checkout.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, capture_output=True, check=False)
    assert archive.returncode == 0, (
        f"upgrade-from names {commit}, which is not in this clone: {archive.stderr.decode()}"
    )
    subprocess.run(["tar", "-x", "-C", checkout], input=archive.stdout, check=True)
    for name in services(checkout):
        if name not in UPGRADED:
            shutil.rmtree(checkout / "services" / name)
    (checkout / ".venv").symlink_to(REPOSITORY / ".venv")
    (checkout / ".kind").symlink_to(REPOSITORY / ".kind")
    ours = {cluster.state / "image" / name: (cluster.state / "image" / name).read_text() for name in UPGRADED}
    try:
        script(cluster, checkout, "vendor.sh")
        shutil.copy(REPOSITORY / "hack" / "cluster.sh", checkout / "hack")  # Which knows how to install services alone.
        for words in (["images"], ["load"], ["release", *UPGRADED]):
            script(cluster, checkout, "cluster.sh", *words)
    finally:
        # What `make deploy` takes is what it took before.
        for built, image in ours.items():
            built.write_text(image)
            cluster.run("docker", "tag", image.strip(), f"{built.name}:dev")
    yield checkout
    shutil.rmtree(checkout)


def revision(cluster: Cluster, release: str) -> int:
    """Return the number of a release's current revision."""
    history = json.loads(cluster.helm("history", release, "-n", SERVICES, "--max", "1", "-o", "json"))
    return int(history[-1]["revision"])


def migrated(cluster: Cluster) -> dict[str, str]:
    """Return the identity of each service's last migration."""
    jobs = cluster.batch.list_namespaced_job(SERVICES).items
    return {each.metadata.name: each.metadata.uid for each in jobs if each.status.succeeded}


def test_upgrade_and_rollback_are_not_noticed(
    cluster: Cluster, images: dict[str, str], earlier: Path, api: Client
) -> None:
    person = Person.registered(api)
    eventually(lambda: person.me()["email"] == person.email)
    older = {name: cluster.image(name) for name in UPGRADED}
    assert older.items().isdisjoint(images.items()), "both have the same images"
    revisions = {name: revision(cluster, name) for name in UPGRADED}
    migrations = migrated(cluster)

    with steady_load(cluster.address) as upgrade:
        for some in few(UPGRADED):
            script(cluster, REPOSITORY, "cluster.sh", "release", *some)
    assert not upgrade.lost, upgrade.lost
    assert {name: cluster.image(name) for name in EVERY_SERVICE} == images
    for name in services(earlier, with_database=True):
        assert migrated(cluster)[f"{name}-migrate"] != migrations[f"{name}-migrate"], "the migration did not run"

    with steady_load(cluster.address) as rollback:
        for some in few(UPGRADED):
            for name in some:
                cluster.helm("rollback", name, str(revisions[name]), "-n", SERVICES)
            cluster.rolled_out(*some)
    assert not rollback.lost, rollback.lost
    assert {name: cluster.image(name) for name in UPGRADED} == older
    assert person.me()["email"] == person.email

    for name in UPGRADED:
        cluster.helm("rollback", name, "-n", SERVICES)
    assert {name: cluster.image(name) for name in EVERY_SERVICE} == images
