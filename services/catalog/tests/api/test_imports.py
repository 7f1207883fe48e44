"""Many products in and out, in files of any kind."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

pytestmark = pytest.mark.anyio

Headers = dict[str, str]
Json = dict[str, Any]
JSONL, CSV = "application/jsonl", "text/csv"


async def start(client: AsyncClient, headers: Headers) -> str:
    answer = await client.post("/v1/product-imports", json={"name": "shop.csv"}, headers=headers)
    assert answer.status_code == 201
    return str(answer.headers["location"])


async def send(client: AsyncClient, headers: Headers, path: str, body: str | bytes, kind: str, query: str = "") -> Json:
    answer = await client.put(f"{path}/lines{query}", content=body, headers={**headers, "content-type": kind})
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


async def bring_in(client: AsyncClient, headers: Headers, body: str | bytes, kind: str = JSONL) -> Json:
    path = await start(client, headers)
    report = await send(client, headers, path, body, kind, "?last=true")
    assert report["finished_at"]
    lines = await client.get(f"{path}/lines?limit=100", headers=headers)
    return {**report, "report": lines.json()["items"]}


def counts(report: Json) -> tuple[int, int, int, int]:
    return report["created"], report["changed"], report["unchanged"], report["refused"]


def line(name: str, number: int, **changes: Any) -> str:
    price = {"price": {"amount": 100 + number, "currency": "EUR"}}
    variant = {"sku": f"{name.upper()}-{number}", "weight_grams": 10, "prices": [price]}
    product = {"slug": f"{name}-{number}", "name": f"Thing {number}", "status": "published", "variants": [variant]}
    return json.dumps({**product, **changes})


async def test_json_lines_become_products(client: AsyncClient, as_staff: Headers, name: str) -> None:
    report = await bring_in(client, as_staff, "\n".join(line(name, number) for number in range(3)))
    assert counts(report) == (3, 0, 0, 0)
    assert [(each["line"], each["slug"]) for each in report["report"]] == [(n + 1, f"{name}-{n}") for n in range(3)]
    found = await client.get(f"/v1/products/{name}-2")
    assert found.json()["variants"][0]["prices"] == [{"amount": 102, "currency": "EUR"}]
    listed = await client.get("/v1/products", params={"q": f"{name}-2", "currency": "EUR"})
    assert [each["slug"] for each in listed.json()["items"]] == [f"{name}-2"]


async def test_file_that_is_imported_again_changes_nothing(client: AsyncClient, as_staff: Headers, name: str) -> None:
    body = "\n".join(line(name, number) for number in range(3))
    await bring_in(client, as_staff, body)
    assert counts(await bring_in(client, as_staff, body)) == (0, 0, 3, 0)
    again = body.replace("Thing 1", "Other 1")
    assert counts(await bring_in(client, as_staff, again)) == (0, 1, 2, 0)


async def test_csv_rows_become_variants(client: AsyncClient, as_staff: Headers, name: str) -> None:
    await client.post("/v1/categories", json={"slug": name, "name": "C"}, headers=as_staff)
    columns = "slug,name,description,categories,images,attr.material,sku,variant,weight_grams,variant.size,price.EUR"
    body = f"""\ufeff{columns}
{name},Shirt,"Light,
with ""buttons"".",{name},https://i.example/1 https://i.example/2,linen,{name.upper()}-M,M,250,M,4900
{name},,,,,,{name.upper()}-L,L,260,L,5100\r
"""
    report = await bring_in(client, as_staff, body, CSV)
    assert counts(report) == (1, 1, 0, 0), report
    record = (await client.get(f"/v1/product-records/{name}", headers=as_staff)).json()
    assert (record["status"], record["description"]) == ("draft", 'Light,\nwith "buttons".')
    assert (record["categories"], record["attributes"]) == ([name], {"material": "linen"})
    assert [each["url"] for each in record["images"]] == ["https://i.example/1", "https://i.example/2"]
    prices = [(each["sku"], each["prices"][0]["price"]["amount"]) for each in record["variants"]]
    assert prices == [(f"{name.upper()}-M", 4900), (f"{name.upper()}-L", 5100)]
    assert counts(await bring_in(client, as_staff, body, CSV)) == (0, 0, 2, 0)


async def test_line_that_is_refused_keeps_no_other_out(client: AsyncClient, as_staff: Headers, name: str) -> None:
    taken = json.loads(line(name, 0))["variants"]
    lines = [
        line(name, 0),
        "{nonsense",
        line(name, 1, slug="No Slug"),
        line(name, 2, categories=["no-such-category"]),
        line(name, 3, variants=taken),
        line(name, 4, variants=[]),
        line(name, 5, colour="blue"),
        line(name, 6, description=5),
        json.dumps({"slug": f"{name}-7"}),
        line(name, 8, description='12" of it'),
        line(name, 9),
    ]
    report = await bring_in(client, as_staff, "\n".join(lines))
    assert counts(report) == (3, 0, 0, 8)
    codes = [each["code"] for each in report["report"]]
    refused = ["line-refused"] * 3 + ["sku-taken", "product-incomplete"] + ["line-refused"] * 3
    assert codes == [None, *refused, None, None]
    assert "colour" in report["report"][6]["detail"]
    assert (await client.get(f"/v1/product-records/{name}-4", headers=as_staff)).status_code == 404
    assert (await client.get(f"/v1/products/{name}-9")).status_code == 200


async def test_import_goes_on_where_it_ended(client: AsyncClient, as_staff: Headers, name: str) -> None:
    lines = [line(name, number) for number in range(6)]
    path = await start(client, as_staff)
    assert (await send(client, as_staff, path, "\n".join(lines[:2]), JSONL))["lines"] == 2
    gap = await client.put(f"{path}/lines?after=3", content="", headers={**as_staff, "content-type": JSONL})
    assert (gap.status_code, gap.json()["code"], gap.json()["lines"]) == (409, "import-gap", 2)
    twice = await send(client, as_staff, path, "\n".join(lines[1:4]), JSONL, "?after=1")
    assert (twice["lines"], counts(twice)) == (4, (4, 0, 0, 0))
    done = await send(client, as_staff, path, "\n".join(lines), JSONL, "?last=true")
    assert (done["lines"], counts(done)) == (6, (6, 0, 0, 0))
    assert (await send(client, as_staff, path, "\n".join(lines), JSONL))["lines"] == 6
    more = await client.put(f"{path}/lines?after=6", content=line(name, 7), headers={**as_staff, "content-type": JSONL})
    assert (more.status_code, more.json()["code"]) == (409, "import-finished")
    assert (await client.get(f"/v1/product-records/{name}-7", headers=as_staff)).status_code == 404


@pytest.mark.parametrize("header", ["slug,colour", "name", "slug,slug", "attr.a", "slug,price."])
async def test_unknown_columns_are_refused(client: AsyncClient, as_staff: Headers, header: str) -> None:
    path = await start(client, as_staff)
    answer = await client.put(f"{path}/lines", content=f"{header}\na\n", headers={**as_staff, "content-type": CSV})
    assert (answer.status_code, answer.json()["code"]) == (422, "line-refused")


async def test_only_lines_are_read(client: AsyncClient, as_staff: Headers) -> None:
    path = await start(client, as_staff)
    other = await client.put(f"{path}/lines", content="{}", headers={**as_staff, "content-type": "application/json"})
    assert other.status_code == 415
    endless = await client.put(f"{path}/lines", content=b"x" * 300_000, headers={**as_staff, "content-type": JSONL})
    assert (endless.status_code, endless.json()["code"]) == (422, "line-refused")
    broken = await send(client, as_staff, path, b"\xff\n", JSONL)
    assert broken["refused"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/product-imports", {}),
        ("GET", "{import}", None),
        ("GET", "{import}/lines", None),
        ("GET", "/v1/product-exports", None),
    ],
)
async def test_customer_is_not_staff(
    client: AsyncClient, as_ada: Headers, as_staff: Headers, method: str, path: str, body: Any
) -> None:
    url = path.replace("{import}", await start(client, as_staff))
    assert (await client.request(method, url, json=body)).status_code == 401
    assert (await client.request(method, url, json=body, headers=as_ada)).status_code == 403
    assert (await client.request(method, url, json=body, headers=as_staff)).is_success


async def test_lines_of_an_import_that_never_was_are_refused(client: AsyncClient, as_staff: Headers) -> None:
    path = "/v1/product-imports/01890000-0000-7000-8000-000000000000"
    sent = await client.put(f"{path}/lines", content="", headers={**as_staff, "content-type": JSONL})
    assert (sent.status_code, sent.json()["code"]) == (404, "import-not-found")
    assert (await client.get(f"{path}/lines", headers=as_staff)).status_code == 404


@pytest.mark.parametrize(
    "odd",
    [
        "{name}-2,a\rb,,",
        "{name}-2,Thing,{name}," + "9" * 5000,
        "{name}-2,Thing,{name}," + "9" * 20,
        "{name}-2,Thing," + "x" * 140_000 + ",1",
    ],
)
async def test_odd_row_keeps_no_other_out(client: AsyncClient, as_staff: Headers, name: str, odd: str) -> None:
    rows = ["slug,name,sku,price.EUR", f'{name}-1,19" monitor,,', odd.format(name=name), f'{name}-3,"Third, last",,']
    report = await bring_in(client, as_staff, "\n".join(rows), CSV)
    refused = [each["line"] for each in report["report"] if each["outcome"] == "refused"]
    assert (counts(report), refused) == ((2, 0, 0, 1), [2])


async def test_names_that_nobody_can_print_are_refused_legibly(
    client: AsyncClient, as_staff: Headers, name: str
) -> None:
    odd = json.dumps({"slug": f"{name}-2", "a\0b": 1})
    report = await bring_in(client, as_staff, "\n".join([line(name, 1), odd, line(name, 3)]))
    assert counts(report) == (2, 0, 0, 1)
    assert report["report"][1]["detail"].startswith("a?b: ")


async def test_line_that_is_too_long_ends_a_request_after_those_before(
    client: AsyncClient, as_staff: Headers, name: str
) -> None:
    path = await start(client, as_staff)
    body = "\n".join([line(name, 1), "x" * 300_000, line(name, 3)])
    headers = {**as_staff, "content-type": JSONL}
    for _ in range(2):
        answer = await client.put(f"{path}/lines", content=body, headers=headers)
        assert (answer.status_code, "Line 2 has more than" in answer.json()["detail"]) == (422, True)
        assert counts((await client.get(path, headers=as_staff)).json()) == (1, 0, 0, 0)


@pytest.mark.parametrize(("kind", "format_"), [(JSONL, "jsonl"), (CSV, "csv")])
async def test_what_was_exported_changes_nothing_when_it_comes_back(
    client: AsyncClient, as_staff: Headers, published: Json, kind: str, format_: str
) -> None:
    exported = await client.get(f"/v1/product-exports?format={format_}&status=published", headers=as_staff)
    assert exported.headers["content-type"].startswith(kind)
    assert published["slug"] in exported.text
    report = await bring_in(client, as_staff, exported.text, kind)
    assert report["lines"] > 0
    assert counts(report) == (0, 0, report["lines"], 0)
