from collections.abc import Iterable
from pathlib import Path

import pytest

from chassis.testing import eventually
from tradewind import supervisor as module
from tradewind.parts import Part
from tradewind.screen import ending
from tradewind.supervisor import Kept, Supervisor

pytestmark = pytest.mark.anyio


class FakePart(Part):
    """Answers at once; ends when it is told to, or right after its launch where ``dies`` says so."""

    def __init__(self, name: str, events: list[str], *, dies: int = 0, deaf: bool = False) -> None:
        super().__init__(name, address="", metrics=None, log=Path("/nonexistent"))
        self._events = events
        self._dies = dies
        self._deaf = deaf
        self._code: int | None = 0
        self.error: Exception | None = None

    @property
    def pid(self) -> int | None:
        return 1 if self._code is None else None

    async def answers(self) -> bool:
        return self._code is None

    def returncode(self) -> int | None:
        return self._code

    def end(self, code: int) -> None:
        self._code = code

    def ask_to_stop(self) -> None:
        self._events.append(f"ask {self.name}")
        if not self._deaf:
            self._code = 0

    def kill(self) -> None:
        self._events.append(f"kill {self.name}" if self._code is None else f"gone {self.name}")
        self._code = -9

    def refusal(self) -> Exception | None:
        return self.error

    def _launch(self) -> None:
        self._events.append(f"launch {self.name}")
        self._code = None
        if self._dies:
            self._dies -= 1
            self._code = 1


class Notes:
    def __init__(self, events: list[str]) -> None:
        self._events = events
        self.pauses: list[float] = []

    def ready(self, kept: Kept, seconds: float) -> None:
        self._events.append(f"ready {kept.part.name}")

    def died(self, kept: Kept, returncode: int, again_in_seconds: float) -> None:
        self._events.append(f"died {kept.part.name} {returncode}")
        self.pauses.append(again_in_seconds)

    def changed(self, kept: Iterable[Kept]) -> None:
        pass


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def notes(events: list[str]) -> Notes:
    return Notes(events)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES_SECONDS", (0.001, 0.002, 0.003))
    monkeypatch.setattr(module, "_SERVICES_STOP_WITHIN_SECONDS", 0.05)


@pytest.mark.usefixtures("quick")
async def test_part_that_dies_at_its_start_is_started_again_after_growing_pauses(
    events: list[str], notes: Notes
) -> None:
    supervisor = Supervisor(notes)
    await supervisor.keep([FakePart("books", events, dies=5)])
    assert events == ["launch books", "died books 1"] * 5 + ["launch books", "ready books"]
    assert notes.pauses == [0.001, 0.002, 0.003, 0.003, 0.003]
    assert supervisor.kept[0].restarts == 5
    await supervisor.stop([])


@pytest.mark.usefixtures("quick")
async def test_part_that_has_lived_for_a_while_is_forgiven(
    events: list[str], notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(notes)
    part = FakePart("books", events)
    await supervisor.keep([part])
    monkeypatch.setattr(module, "_FORGIVEN_AFTER_SECONDS", 0)

    async def die(after: int) -> None:
        part.end(1)
        supervisor._wake()
        await eventually(lambda: len(events) == after)

    for deaths in (1, 2, 3):
        await die(after=2 + 3 * deaths)
    assert notes.pauses == [0.001, 0.001, 0.001]
    await supervisor.stop([])


@pytest.mark.usefixtures("quick")
async def test_server_that_refuses_at_its_first_start_is_an_error(events: list[str], notes: Notes) -> None:
    supervisor = Supervisor(notes)
    part = FakePart("postgres", events, dies=1)
    part.error = LookupError("no disk")
    with pytest.raises(LookupError, match="no disk"):
        await supervisor.keep([part, FakePart("nats", events)])
    await supervisor.stop([])
    assert "gone postgres" in events


@pytest.mark.usefixtures("quick")
async def test_server_that_has_been_ready_once_is_started_again(events: list[str], notes: Notes) -> None:
    supervisor = Supervisor(notes)
    part = FakePart("postgres", events)
    part.error = LookupError("no disk")
    await supervisor.keep([part])
    part.end(-9)
    supervisor._wake()
    await eventually(lambda: len(events) == 5)
    assert events == ["launch postgres", "ready postgres", "died postgres -9", "launch postgres", "ready postgres"]
    await supervisor.stop([])


@pytest.mark.usefixtures("quick")
async def test_services_stop_before_servers_and_the_deaf_are_killed(events: list[str], notes: Notes) -> None:
    supervisor = Supervisor(notes)
    await supervisor.keep([FakePart("nats", events)])
    await supervisor.keep([FakePart("books", events), FakePart("stubborn", events, deaf=True)])
    events.clear()
    await supervisor.stop(first=["books", "stubborn"])
    assert events == [
        *("ask books", "ask stubborn", "gone books", "kill stubborn"),
        *("ask nats", "gone nats"),
    ]


@pytest.mark.parametrize(("code", "words"), [(2, "ended (status 2)"), (-9, "was killed (SIGKILL)")])
async def test_ending_is_told_in_words(code: int, words: str) -> None:
    assert ending(code) == words
