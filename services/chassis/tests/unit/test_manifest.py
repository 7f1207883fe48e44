"""``service.yaml``."""

from pathlib import Path

import pytest

from chassis.manifest import event_type, read, service_dir


def _write(folder: Path, text: str) -> Path:
    path = folder / "service.yaml"
    path.write_text(text)
    return path


def test_smallest_manifest_is_a_name_and_a_summary(tmp_path: Path) -> None:
    manifest = read(_write(tmp_path, "name: orders\nsummary: Orders.\n"))
    assert (manifest.name, manifest.stream, manifest.routes) == ("orders", "tradewind-orders", [])
    assert (
        manifest.subject("order-placed") == event_type("orders", "order-placed") == "tradewind.orders.order-placed.v1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "name: orders",
        "name: Orders\nsummary: x",
        "name: orders\nsummary: x\nunknown: 1",
        "name: orders\nsummary: x\nroutes: [{paths: [v1/orders], methods: [GET]}]",
        'name: orders\nsummary: x\nroutes: [{paths: ["/v1/*/orders"], methods: [GET]}]',
        "name: orders\nsummary: x\nroutes: [{paths: [/v1/orders], methods: [FETCH]}]",
        "name: orders\nsummary: x\nscopes: [{name: Orders, summary: x}]",
        "name: [",
        "- a\n- b",
    ],
)
def test_anything_wrong_is_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"service\.yaml"):
        read(_write(tmp_path, text))


def test_folder_of_a_service_is_found_from_its_package() -> None:
    assert (service_dir("customers") / "service.yaml").exists()


def test_folder_of_a_service_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SERVICE_DIR", str(tmp_path))
    assert service_dir("customers") == tmp_path


def test_unknown_service_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="nothing_like_it"):
        service_dir("nothing_like_it")
