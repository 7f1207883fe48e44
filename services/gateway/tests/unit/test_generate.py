"""``hack/generate.py`` on small sets of manifests, and on the repository's own."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from chassis.settings import example
from gateway.main import build
from gateway.settings import Settings

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "hack/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / "hack")  # Where a script finds what lies beside it.
        spec.loader.exec_module(module)
    return module


AUTH = """\
summary: Who may do what.
routes:
  - {paths: [/v1/oauth/token], methods: [POST], auth: none, limit: login, keys: false}
"""
ORDERS = """\
summary: What was bought.
routes:
  - {paths: [/v1/orders, "/v1/orders/*"], methods: [GET, POST], scopes: ["orders:own"]}
asks:
  - {service: auth, methods: [GET], paths: [/.well-known/jwks.json]}
  - {service: auth, methods: [GET], paths: ["/v1/accounts/*"], scopes: ["accounts:read"]}
scopes:
  - {name: "orders:own", summary: One's own orders., roles: [customer, staff]}
  - {name: "accounts:read", summary: Accounts.}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("auth", "gateway"):
        (tmp_path / "services" / name / "src" / name).mkdir(parents=True)
    (tmp_path / "services/gateway/service.yaml").write_text("name: gateway\nsummary: x\ngrants: [token_exchange]\n")
    add(tmp_path, "auth", AUTH)
    add(tmp_path, "orders", ORDERS)
    return tmp_path


def add(root: Path, name: str, manifest: str) -> None:
    (root / "services" / name).mkdir(parents=True, exist_ok=True)
    (root / "services" / name / "service.yaml").write_text(f"name: {name}\n{manifest}")


def run(generate: ModuleType, root: Path, *arguments: str) -> int:
    before, sys.argv = sys.argv, ["generate.py", "--root", str(root), *arguments]
    try:
        status: int = generate.main()
    finally:
        sys.argv = before
    return status


def test_routes_are_every_services_in_the_order_of_names(generate: ModuleType, root: Path) -> None:
    assert run(generate, root) == 0
    document = yaml.safe_load((root / "services/gateway/src/gateway/routes.yaml").read_text())
    assert document["routes"] == [
        {
            "service": "auth",
            "paths": ["/v1/oauth/token"],
            "methods": ["POST"],
            "auth": "none",
            "limit": "login",
            "keys": False,
        },
        {
            "service": "orders",
            "paths": ["/v1/orders", "/v1/orders/*"],
            "methods": ["GET", "POST"],
            "scopes": ["orders:own"],
        },
    ]
    assert document["scopes"] == {"orders:own": "One's own orders."}


def test_registry_has_clients_with_what_they_may_ask_for_and_all_scopes(generate: ModuleType, root: Path) -> None:
    run(generate, root)
    document = yaml.safe_load((root / "services/auth/src/auth/registry.yaml").read_text())
    assert document["clients"] == [
        {"name": "auth", "grants": ["client_credentials"], "audiences": []},
        {"name": "gateway", "grants": ["token_exchange"], "audiences": []},
        {
            "name": "orders",
            "grants": ["client_credentials"],
            "audiences": [{"name": "auth", "scopes": ["accounts:read"]}],
        },
    ]
    assert document["scopes"] == [
        {"name": "orders:own", "summary": "One's own orders.", "roles": ["customer", "staff"]},
        {"name": "accounts:read", "summary": "Accounts.", "roles": []},
    ]


def test_servers_hold_a_database_and_a_user_for_who_needs_them(generate: ModuleType, root: Path) -> None:
    add(root, "toys", "summary: x\nowns: {database: true}\nhears: [{service: orders, events: [x], consumer: c}]\n")
    run(generate, root)
    document = yaml.safe_load((root / "charts/dev-infra/files/services.yaml").read_text())
    assert document["databases"] == ["toys"]
    assert [user["user"] for user in document["nats"]] == ["toys"]
    assert "tradewind.toys.>" in document["nats"][0]["publish"]


def test_edge_lets_in_the_public_routes_and_the_gateways_own(generate: ModuleType, root: Path) -> None:
    run(generate, root)
    document = yaml.safe_load((root / "charts/platform/files/public-routes.yaml").read_text())
    assert document["routes"] == [generate.GATEWAYS_OWN, {"methods": ["POST"], "paths": ["/v1/oauth/token"]}]


def test_gateways_own_are_all_that_it_answers_itself(generate: ModuleType) -> None:
    patterns = generate.GATEWAYS_OWN["paths"]
    prefixes = tuple(path[:-1] for path in patterns if path.endswith("*"))
    answered = {getattr(route, "path", "") for route in build(example(Settings)).app.routes}
    own = yaml.safe_load((Path(__file__).parents[2] / "service.yaml").read_text())["routes"]
    expected = {p for p in patterns if not p.endswith("*")} | {path for route in own for path in route["paths"]}
    assert {path for path in answered if not path.startswith(prefixes)} == expected


def test_check_passes_only_on_what_is_current(
    generate: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(generate, root, "--check") == 1
    run(generate, root)
    assert run(generate, root, "--check") == 0
    add(root, "orders", ORDERS.replace("methods: [GET, POST]", "methods: [GET]"))
    assert run(generate, root, "--check") == 1
    told = capsys.readouterr().err
    assert "+  methods: [GET]" in told
    assert "make generate" in told


def test_a_new_service_needs_nothing_but_its_folder(generate: ModuleType, root: Path) -> None:
    add(root, "toys", "summary: Toys.\nroutes: [{paths: [/v1/toys], methods: [GET]}]\n")
    assert run(generate, root) == 0
    assert "/v1/toys" in (root / "services/gateway/src/gateway/routes.yaml").read_text()
    assert "name: toys" in (root / "services/auth/src/auth/registry.yaml").read_text()


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ("summary: x\nroutes: [{paths: [/v1/orders], methods: [GET]}]", "orders and toys both want GET /v1/orders"),
        (
            'summary: x\nroutes: [{paths: ["/v1/t*"], methods: [GET]}, {paths: [/v1/toys], methods: [GET]}]',
            "toys: GET /v1/toys is never reached, /v1/t* stands before it",
        ),
        ('summary: x\nroutes: [{paths: [/v1/toys], methods: [GET], scopes: ["toys:own"]}]', "'toys:own'"),
        ('summary: x\nscopes: [{name: "orders:own", summary: x}]', "orders and toys both declare"),
        ("summary: x\nasks: [{service: nobody, methods: [GET], paths: [/x]}]", "there is no such service"),
        (
            'summary: x\nroutes: [{paths: [/v1/toys], methods: [GET], auth: none, scopes: ["orders:own"]}]',
            "has scopes, and auth 'none'",
        ),
        ("summary: x\nnonsense: 1", "toys/service.yaml"),
    ],
)
def test_manifests_that_do_not_fit_together_are_refused(
    generate: ModuleType, root: Path, capsys: pytest.CaptureFixture[str], manifest: str, sentence: str
) -> None:
    assert run(generate, root) == 0
    add(root, "toys", manifest)
    assert run(generate, root) == 2
    assert sentence in capsys.readouterr().err


def test_name_is_the_folders(generate: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "services/orders/service.yaml").write_text("name: other\nsummary: x\n")
    assert run(generate, root) == 2
    assert "its folder's is 'orders'" in capsys.readouterr().err


def test_the_repositorys_own_files_are_current(generate: ModuleType, tmp_path: Path) -> None:
    for path in REPOSITORY.glob("services/*/service.yaml"):
        (tmp_path / path.relative_to(REPOSITORY)).parent.mkdir(parents=True)
        shutil.copy(path, tmp_path / path.relative_to(REPOSITORY))
    generated = (
        generate.ROUTES,
        generate.REGISTRY,
        generate.SERVERS,
        generate.PUBLIC,
        generate.UMBRELLA,
        generate.UMBRELLA_VALUES,
        generate.COMPOSE,
        generate.SKAFFOLD,
        *(path.relative_to(REPOSITORY) for path in REPOSITORY.glob("charts/*/files/peers.yaml")),
    )
    for path in generated:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    assert run(generate, tmp_path, "--check") == 0
