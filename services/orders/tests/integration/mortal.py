"""A worker process that kills itself: ``mortal.py STEP before|after``, before a call of that step or right after it."""

import asyncio
import os
import signal
import sys

from chassis import logs
from chassis.app import Service
from chassis.settings import LogSettings, load
from orders.domain.sagas import Outcome
from orders.domain.services import Task
from orders.main import build
from orders.settings import Settings
from orders.workers.sagas import SagaWorker


def make_mortal(worker: SagaWorker, step: str, when: str) -> None:
    call = worker._call

    async def last_call(task: Task) -> Outcome:
        if (task.step, when) == (step, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = await call(task)
        if task.step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

    worker._call = last_call  # type: ignore[method-assign]


async def work(service: Service, worker: SagaWorker) -> None:
    async with service.resources():
        await worker.run()


if __name__ == "__main__":
    logs.configure(LogSettings(level="error"), service="orders", version="0")
    orders = build(load(Settings))
    make_mortal(orders.app.state.worker, *sys.argv[1:])
    asyncio.run(work(orders, orders.app.state.worker))
