"""One unit of work per request, on a real PostgreSQL: what commits, what rolls back, what is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from chassis.app import Service
from chassis.database import Database, DatabaseAwayError, SessionDep, unit_of_work_open, violated_constraint
from chassis.embedded import EmbeddedPostgres
from chassis.errors import ConflictError
from chassis.idempotency import Idempotent, IdempotentAlways
from chassis.migrations import SchemaCheck, SchemaOutdatedError, migrate
from chassis.routing import Router
from chassis.settings import DatabaseSettings
from chassis.testing import Databases, running

pytestmark = pytest.mark.anyio

MakeService = Callable[..., Service]

FIRST = """
import sqlalchemy as sa
from alembic import op
from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

def upgrade():
    create_chassis_tables(op)
    op.create_table("notes", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
                    sa.Column("words", sa.Text, nullable=False), sa.UniqueConstraint("words", name="notes_words"))

def downgrade():
    op.drop_table("notes")
    drop_chassis_tables(op)
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("notes", sa.Column("colour", sa.Text))

def downgrade():
    op.drop_column("notes", "colour")
"""


class NoteIn(BaseModel):
    words: str


class Note(BaseModel):
    id: int
    words: str


router = Router(prefix="/v1/notes")


async def _insert(session: SessionDep, words: str) -> Note:
    found = await session.execute(text("INSERT INTO notes (words) VALUES (:words) RETURNING id"), {"words": words})
    return Note(id=found.scalar_one(), words=words)


async def _get(session: SessionDep, note_id: str) -> Note:
    found = await session.execute(text("SELECT id, words FROM notes WHERE id = :id"), {"id": int(note_id)})
    return Note.model_validate(found.mappings().one())


@router.post("", status_code=201)
async def create_note(note: NoteIn, session: SessionDep, once: Idempotent) -> Note:
    return await once(
        lambda: _insert(session, note.words), again=lambda note_id: _get(session, note_id), location="/v1/notes/{id}"
    )


@router.post("/strict", status_code=201)
async def create_strictly(note: NoteIn, session: SessionDep, once: IdempotentAlways) -> Note:
    return await once(lambda: _insert(session, note.words), again=lambda note_id: _get(session, note_id))


@router.post("/refused")
async def refuse_after_writing(note: NoteIn, session: SessionDep) -> Note:
    await _insert(session, note.words)
    raise ConflictError


@router.post("/deferred")
async def fail_at_commit(note: NoteIn, session: SessionDep) -> Note:
    await session.execute(text("CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    await session.execute(text("INSERT INTO late VALUES (1), (1)"))
    return await _insert(session, note.words)


@router.post("/slow", status_code=201)
async def create_slowly(note: NoteIn, session: SessionDep, once: Idempotent) -> Note:
    async def make() -> Note:
        await session.execute(text("SELECT pg_sleep(0.5)"))
        return await _insert(session, note.words)

    return await once(make, again=lambda note_id: _get(session, note_id))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    versions = tmp_path / "sample" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_first.py").write_text(FIRST)
    return tmp_path / "sample"


@pytest.fixture
def settings(databases: Databases, folder: Path) -> DatabaseSettings:
    return databases.create_migrated("sample", folder)


@pytest.fixture
async def service(make_service: MakeService, settings: DatabaseSettings, folder: Path) -> Service:
    service = make_service(background=False)
    service.use_database(settings)
    service.include(router)
    return service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with running(service) as client:
        yield client


async def _count(service: Service) -> int:
    database: Database = service.app.state.database
    async with database.read() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM notes")) or 0)


async def test_request_commits_before_it_is_answered(service: Service, client: AsyncClient) -> None:
    assert (await client.post("/v1/notes", json={"words": "a"})).status_code == 201
    assert await _count(service) == 1


async def test_raised_refusal_rolls_back(service: Service, client: AsyncClient) -> None:
    assert (await client.post("/v1/notes/refused", json={"words": "a"})).status_code == 409
    assert await _count(service) == 0


async def test_failed_commit_is_never_answered_as_success(service: Service, client: AsyncClient) -> None:
    assert (await client.post("/v1/notes/deferred", json={"words": "a"})).status_code == 500
    assert await _count(service) == 0


async def test_unit_of_work_is_marked_open_and_closed_again(service: Service) -> None:
    database: Database = service.app.state.database
    assert not unit_of_work_open()
    async with database.transaction():
        assert unit_of_work_open()
    assert not unit_of_work_open()
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            raise ZeroDivisionError
    assert not unit_of_work_open()


async def test_violated_constraint_has_a_name(service: Service) -> None:
    database: Database = service.app.state.database
    with pytest.raises(IntegrityError) as caught:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO notes (words) VALUES ('a'), ('a')"))
    assert violated_constraint(caught.value) == "notes_words"


async def test_failed_statement_does_not_repeat_its_values(service: Service) -> None:
    database: Database = service.app.state.database
    for values, shown in (("'in the statement'", True), (":words", False)):
        with pytest.raises(ProgrammingError) as caught:
            async with database.transaction() as session:
                await session.execute(text(f"SELECT {values} FROM nowhere"), {"words": "in the statement"})
        assert ("in the statement" in str(caught.value)) is shown


async def test_same_key_and_body_has_one_effect_and_one_answer(service: Service, client: AsyncClient) -> None:
    headers = {"idempotency-key": "key-1"}
    first = await client.post("/v1/notes", json={"words": "a"}, headers=headers)
    second = await client.post("/v1/notes", json={"words": "a"}, headers=headers)
    assert second.status_code == first.status_code == 201
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"] == f"/v1/notes/{first.json()['id']}"
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert await _count(service) == 1


async def test_replay_shows_the_resource_as_it_is_now(service: Service, client: AsyncClient) -> None:
    headers = {"idempotency-key": "key-1"}
    await client.post("/v1/notes", json={"words": "a"}, headers=headers)
    database: Database = service.app.state.database
    async with database.transaction() as session:
        await session.execute(text("UPDATE notes SET words = 'b'"))
    replay = await client.post("/v1/notes", json={"words": "a"}, headers=headers)
    assert replay.json()["words"] == "b"


async def test_same_key_with_another_body_is_refused(service: Service, client: AsyncClient) -> None:
    headers = {"idempotency-key": "key-1"}
    await client.post("/v1/notes", json={"words": "a"}, headers=headers)
    answer = await client.post("/v1/notes", json={"words": "b"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
    other = await client.post("/v1/notes", json={"words": "b"}, headers={"idempotency-key": "key-2"})
    assert other.status_code == 201


async def test_key_of_a_running_request_is_refused_for_now(service: Service, client: AsyncClient) -> None:
    headers = {"idempotency-key": "key-1"}
    first, second = await asyncio.gather(
        client.post("/v1/notes/slow", json={"words": "a"}, headers=headers),
        client.post("/v1/notes/slow", json={"words": "a"}, headers=headers),
    )
    refused, made = sorted((first, second), key=lambda each: -each.status_code)
    assert (made.status_code, refused.status_code) == (201, 409)
    assert refused.json()["code"] == "idempotency-in-progress"
    assert refused.headers["retry-after"] == "1"
    replay = await client.post("/v1/notes/slow", json={"words": "a"}, headers=headers)
    assert replay.json() == made.json()
    assert await _count(service) == 1


async def test_key_of_a_failed_request_is_free_again(service: Service, client: AsyncClient) -> None:
    await client.post("/v1/notes", json={"words": "a"})
    headers = {"idempotency-key": "key-1"}
    assert (await client.post("/v1/notes", json={"words": "a"}, headers=headers)).status_code == 500
    database: Database = service.app.state.database
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM notes"))
    assert (await client.post("/v1/notes", json={"words": "a"}, headers=headers)).status_code == 201


async def test_key_expires_after_a_day(service: Service, client: AsyncClient) -> None:
    headers = {"idempotency-key": "key-1"}
    await client.post("/v1/notes", json={"words": "a"}, headers=headers)
    database: Database = service.app.state.database
    async with database.transaction() as session:
        await session.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'"))
    answer = await client.post("/v1/notes", json={"words": "b"}, headers=headers)
    assert answer.status_code == 201
    again = await client.post("/v1/notes", json={"words": "b"}, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"


async def test_missing_key_is_refused_where_it_is_required(client: AsyncClient) -> None:
    answer = await client.post("/v1/notes/strict", json={"words": "a"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-required")
    with_key = await client.post("/v1/notes/strict", json={"words": "a"}, headers={"idempotency-key": "k"})
    assert with_key.status_code == 201


async def test_readiness_wants_the_newest_schema(
    make_service: MakeService, empty_database: DatabaseSettings, folder: Path
) -> None:
    service = make_service(background=False)
    service.use_database(empty_database)
    async with running(service) as client:
        before = await client.get("/readyz")
        assert (before.status_code, before.json()["checks"]["database"]) == (503, "ok")
        assert "nothing" in before.json()["checks"]["schema"]
        assert await migrate(empty_database, "sample", folder)
        service.probes._checked_at = float("-inf")
        assert (await client.get("/readyz")).status_code == 200


async def test_migrations_go_up_and_down_and_answer_at_once_when_done(
    empty_database: DatabaseSettings, folder: Path
) -> None:
    assert await migrate(empty_database, "sample", folder)
    assert not await migrate(empty_database, "sample", folder)
    (folder / "migrations" / "versions" / "0002_second.py").write_text(SECOND)
    assert await migrate(empty_database, "sample", folder)
    assert await migrate(empty_database, "sample", folder, target="0001")
    assert await migrate(empty_database, "sample", folder, target="base")
    assert await migrate(empty_database, "sample", folder)


async def test_many_replicas_may_migrate_at_once(empty_database: DatabaseSettings, folder: Path) -> None:
    did = await asyncio.gather(*(migrate(empty_database, "sample", folder) for _ in range(4)))
    assert sorted(did) == [False, False, False, True]


async def test_older_code_runs_on_a_newer_schema(empty_database: DatabaseSettings, folder: Path) -> None:
    second = folder / "migrations" / "versions" / "0002_second.py"
    second.write_text(SECOND)
    await migrate(empty_database, "sample", folder)
    second.unlink()
    database = Database(empty_database, service="sample")
    async with database.lifespan():
        await SchemaCheck(database, folder)()
    assert not await migrate(empty_database, "sample", folder)


async def test_older_schema_is_refused_by_newer_code(empty_database: DatabaseSettings, folder: Path) -> None:
    await migrate(empty_database, "sample", folder)
    (folder / "migrations" / "versions" / "0002_second.py").write_text(SECOND)
    database = Database(empty_database, service="sample")
    async with database.lifespan():
        with pytest.raises(SchemaOutdatedError):
            await SchemaCheck(database, folder)()


async def test_database_that_comes_back_is_used_again(make_service: MakeService, tmp_path: Path, folder: Path) -> None:
    """A killed server is a 503 while it is away, and nothing at all once it is back."""
    server = EmbeddedPostgres(tmp_path / "own")
    with server:
        own = Databases(server)
        settings = await asyncio.to_thread(own.create_migrated, "sample", folder)
        service = make_service(background=False)
        service.use_database(settings)
        service.include(router)
        async with running(service) as client:
            assert (await client.post("/v1/notes", json={"words": "a"})).status_code == 201
            port = server.port
            server.stop()
            away = await client.post("/v1/notes", json={"words": "b"})
            assert (away.status_code, away.json()["code"]) == (503, "database-unavailable")
            with EmbeddedPostgres(tmp_path / "own", port=port):
                assert (await client.post("/v1/notes", json={"words": "b"})).status_code == 201


async def test_exhausted_pool_is_unavailable(settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(settings.model_copy(update={"pool_size": 1}), service="sample")
    monkeypatch.setattr(database.engine.sync_engine.pool, "_timeout", 0.05)
    async with database.lifespan(), database.read():
        with pytest.raises(DatabaseAwayError):
            async with database.transaction():
                pytest.fail("a second connection")


async def test_loop_of_transactions_leaves_the_connection_to_who_waits_for_it(settings: DatabaseSettings) -> None:
    database = Database(settings.model_copy(update={"pool_size": 1}), service="sample")
    turns: list[str] = []

    async def take_turns(name: str) -> None:
        for _ in range(20):
            async with database.transaction() as session:
                await session.execute(text("SELECT 1"))
            turns.append(name)

    async with database.lifespan():
        await asyncio.gather(take_turns("a"), take_turns("b"))
    assert set(turns[:20]) == {"a", "b"}


async def test_slow_statement_is_ended(settings: DatabaseSettings) -> None:
    database = Database(settings.model_copy(update={"statement_timeout_seconds": 0.1}), service="sample")
    async with database.lifespan():
        with pytest.raises(DatabaseAwayError):
            async with database.read() as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
