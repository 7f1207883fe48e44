"""What can be done with payments. Each wish is committed before the provider is asked, and its outcome afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.money import Money
from payments.domain.payments import Payment, PaymentState, Request
from payments.domain.ports import PaymentProvider, ProviderSilentError, Units
from payments.domain.processors import Processors
from payments.domain.steps import Outcome, Step, StepKind, StepState, Task, Verdict, pause_seconds
from payments.domain.views import PaymentView

Observe = Callable[[Task, str], None]
"""Is told of each time that the provider was asked, and of what came of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A payment as it stands after a wish; ``begun`` tells whether the wish was new."""

    payment: PaymentView
    begun: bool


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as it stands."""

    refund_id: UUID
    amount: Money
    state: StepState
    code: str | None
    payment: PaymentView
    begun: bool


class Resolver:
    """Finds out what came of steps: asks the provider without a transaction, and stores the outcome in one.

    An outcome is a fact, whoever brings it, so it is stored by whoever has it, once. That there was none is only worth
    something from whoever has the lease.
    """

    def __init__(self, units: Units, clock: Clock, processors: Processors, observe: Observe) -> None:
        self._units = units
        self._clock = clock
        self._processors = processors
        self._observe = observe

    async def resolve(self, task: Task) -> PaymentView | None:
        """Ask the provider about a step whose lease the caller has, and store the outcome.

        Returns:
            The payment as it stands with it; None if there was no outcome.
        """
        try:
            outcome = await self._processors[task.method.kind].perform(task)
        except ProviderSilentError as silent:
            outcome = Outcome(Verdict.UNDECIDED, retry_after_seconds=silent.retry_after_seconds)
        self._observe(task, outcome.verdict)
        if outcome.verdict is Verdict.UNDECIDED:
            await self._postpone(task, outcome.retry_after_seconds)
            return None
        return await self.hear(task.reference, outcome)

    async def hear(self, reference: str, outcome: Outcome) -> PaymentView | None:
        """Store an outcome, if it is news; return the payment as it stands then, None if it is nobody's."""
        async with self._units() as uow:
            payment = await uow.payments.find_by_reference(reference)
            # What was refused once may have been asked again meanwhile, under another reference.
            step = next((each for each in payment.steps if each.reference == reference), None) if payment else None
            if payment is None or step is None:
                return None
            payment.hear(step, outcome, self._clock.now())
            return PaymentView.of(payment)

    async def turn(self, limit: int) -> list[Task]:
        """Take the leases of what is due."""
        async with self._units() as uow:
            return list(await uow.payments.claim_due(self._clock.now(), limit))

    async def _postpone(self, task: Task, wanted_seconds: float | None) -> None:
        pause = max(wanted_seconds or 0, pause_seconds(task.attempt))
        async with self._units() as uow:
            await uow.payments.postpone(task, self._clock.now() + timedelta(seconds=pause))


class PaymentService:
    """Does what orders ask. Every method may be called any number of times, by any number of callers."""

    def __init__(
        self, units: Units, clock: Clock, processors: Processors, resolver: Resolver, provider: PaymentProvider
    ) -> None:
        self._units = units
        self._clock = clock
        self._processors = processors
        self._resolver = resolver
        self._provider = provider

    async def authorise(self, order_id: UUID, request: Request) -> Answer:
        """Have an amount held; see ``Payment.authorise`` for what may be refused.

        Raises:
            MethodRefusedError: The method cannot pay this.
            CardNumberRefusedError: The token looks like a card number.
        """
        self._processors[request.method.kind].check(request.amount, request.method)
        async with self._units() as uow:
            now = self._clock.now()
            payment = await uow.payments.get_or_add(order_id, provider=self._provider.name, now=now)
            begun = payment.state is PaymentState.NEW
            task = self._claim(payment, payment.authorise(request, now), now, begun=begun)
        return Answer(await self._resolved(order_id, task), begun)

    async def capture(self, order_id: UUID) -> Answer:
        """Have what is held taken; see ``Payment.capture`` for what may be refused."""
        async with self._units() as uow:
            now = self._clock.now()
            payment = await uow.payments.get(order_id)
            begun = payment.state is PaymentState.AUTHORISED
            task = self._claim(payment, payment.capture(now), now, begun=begun)
        return Answer(await self._resolved(order_id, task), begun)

    async def void(self, order_id: UUID) -> Answer:
        """Give up what is held or may come to be; see ``Payment.void`` for what may be refused."""
        async with self._units() as uow:
            now = self._clock.now()
            payment = await uow.payments.get_or_add(order_id, provider=self._provider.name, now=now)
            begun = payment.state not in (PaymentState.VOIDING, PaymentState.VOIDED)
            step = payment.void(now)
            task = None if step is None else self._claim(payment, step, now, begun=begun)
        return Answer(await self._resolved(order_id, task), begun)

    async def refund(self, order_id: UUID, refund_id: UUID, amount: Money) -> RefundView:
        """Give back some of what was taken; see ``Payment.refund`` for what may be refused.

        Raises:
            RefundTooLateError: The method takes no refunds any more.
        """
        async with self._units() as uow:
            now = self._clock.now()
            payment = await uow.payments.get(order_id)
            under_way = {each.id for each in payment.steps if each.state is not StepState.REFUSED}
            step = payment.refund(refund_id, amount, now)
            begun = step.id not in under_way
            if begun and payment.kind is not None:
                self._processors[payment.kind].check_refund(payment.created_at, now)
            task = self._claim(payment, step, now, begun=begun)
        if task is not None:
            await self._resolver.resolve(task)
        return await self._read_refund(order_id, refund_id, begun=begun)

    async def hear(self, reference: str, outcome: Outcome, amount: Money, signature: bytes) -> bool:
        """Take an outcome from a webhook, with its signature, so that neither counts without the other.

        What nobody asked for changes nothing, and neither does what is about another amount than was asked for.

        Returns:
            Whether the signature was new; nothing happened otherwise.
        """
        async with self._units() as uow:
            now = self._clock.now()
            if not await uow.signatures.add(signature, now):
                return False
            # Mostly the answer came first, and there is nothing left to be heard.
            if await uow.payments.is_settled(reference):
                return True
            payment = await uow.payments.find_by_reference(reference)
            step = next((each for each in payment.steps if each.reference == reference), None) if payment else None
            if payment and step and (step.kind is StepKind.VOID or step.amount == amount):
                payment.hear(step, outcome, now)
            return True

    async def get_refund(self, order_id: UUID, refund_id: UUID) -> RefundView:
        """Return a refund.

        Raises:
            PaymentNotFoundError, RefundNotFoundError: There is none.
        """
        return await self._read_refund(order_id, refund_id, begun=False)

    def _claim(self, payment: Payment, step: Step, now: datetime, *, begun: bool) -> Task | None:
        """Take the step's lease if its outcome is unknown and nobody is asking for it."""
        free = begun or (step.due_at is not None and step.due_at <= now)
        return payment.claim(step, now) if step.pending and free else None

    async def _resolved(self, order_id: UUID, task: Task | None) -> PaymentView:
        if task is not None and (settled := await self._resolver.resolve(task)) is not None:
            return settled
        async with self._units() as uow:
            return PaymentView.of(await uow.payments.get(order_id))

    async def _read_refund(self, order_id: UUID, refund_id: UUID, *, begun: bool) -> RefundView:
        async with self._units() as uow:
            payment = await uow.payments.get(order_id)
            step = payment.find_refund(refund_id)
            return RefundView(refund_id, step.amount, step.state, step.code, PaymentView.of(payment), begun)
