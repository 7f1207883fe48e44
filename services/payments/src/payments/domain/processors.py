"""How each kind of method is processed, over whichever provider there is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar

from chassis.errors import ConflictError, InvalidError
from chassis.money import Money
from payments.domain.methods import Method, MethodKind, refuse_card_number
from payments.domain.ports import PaymentProvider, ProviderSilentError
from payments.domain.steps import Outcome, StepKind, Task


class MethodRefusedError(InvalidError):
    """The method cannot be used for this: no processor, a foreign token, or a currency it does not know."""

    code = "method-refused"
    title = "This cannot be paid so"


class RefundTooLateError(ConflictError):
    """The method takes no refund so long after the payment."""

    code = "refund-too-late"
    title = "It is too late for a refund"


class PaymentProcessor(ABC):
    """Processes one kind of method: knows its rules, and asks the provider in its words."""

    kind: ClassVar[MethodKind]
    prefix: ClassVar[str]

    def __init__(self, provider: PaymentProvider) -> None:
        self._provider = provider

    @property
    def provider(self) -> PaymentProvider:
        """Whom it asks."""
        return self._provider

    def check(self, amount: Money, method: Method) -> None:
        """Let a payment pass that the method can make.

        Raises:
            CardNumberRefusedError: The token looks like a card number.
            MethodRefusedError: The token is of another kind, or the rules of the kind refuse the amount.
        """
        refuse_card_number(method.token)
        if not method.token.startswith(self.prefix):
            raise MethodRefusedError(f"A token for {self.kind} begins with {self.prefix}")
        self.check_amount(amount)

    @abstractmethod
    def check_amount(self, amount: Money) -> None:
        """Let an amount pass that the kind knows; raise ``MethodRefusedError`` for another."""

    @abstractmethod
    def check_refund(self, paid_at: datetime, now: datetime) -> None:
        """Let a refund pass that is not too late; raise ``RefundTooLateError`` for another."""

    async def perform(self, task: Task) -> Outcome:
        """Ask the provider, after the first time for what it knows already: it may just have been silent.

        A payment stays with the provider that it was begun with: another one would say of anything that it never was.

        Raises:
            ProviderSilentError: No answer, or nobody to ask.
        """
        if task.provider != self._provider.name:
            raise ProviderSilentError(f"It was paid over {task.provider}, and {self._provider.name} is asked here.")
        if task.attempt > 1:
            known = await self._provider.find(task.reference)
            if known is not None:
                return known
        match task.kind:
            case StepKind.AUTHORISE:
                return await self._provider.authorise(task.reference, task.amount, task.method)
            case StepKind.CAPTURE:
                return await self._provider.capture(task.reference, task.authorisation, task.amount)
            case StepKind.VOID:
                return await self._provider.void(task.reference, task.authorisation)
            case StepKind.REFUND:
                return await self._provider.refund(task.reference, task.authorisation, task.amount)


class CreditCardProcessor(PaymentProcessor):
    """Cards: every currency, refunds at any time."""

    kind = MethodKind.CARD
    prefix = "tok_"

    def check_amount(self, amount: Money) -> None:
        """Know every currency."""

    def check_refund(self, paid_at: datetime, now: datetime) -> None:
        """Be never too late."""


class PayPalProcessor(PaymentProcessor):
    """PayPal accounts: the currencies that PayPal has, and refunds within 180 days.

    Source: developer.paypal.com, "Currency codes" and "Refund captured payment".
    """

    kind = MethodKind.PAYPAL
    prefix = "pp_"
    currencies = frozenset(
        (
            "AUD",
            "BRL",
            "CAD",
            "CHF",
            "CNY",
            "CZK",
            "DKK",
            "EUR",
            "GBP",
            "HKD",
            "HUF",
            "ILS",
            "JPY",
            "MXN",
            "MYR",
            "NOK",
            "NZD",
            "PHP",
            "PLN",
            "SEK",
            "SGD",
            "THB",
            "TWD",
            "USD",
        )
    )
    refundable = timedelta(days=180)

    def check_amount(self, amount: Money) -> None:
        """Know the currencies that PayPal has."""
        if amount.currency not in self.currencies:
            raise MethodRefusedError(f"PayPal does not know {amount.currency}.")

    def check_refund(self, paid_at: datetime, now: datetime) -> None:
        """Be too late after 180 days."""
        if now - paid_at > self.refundable:
            raise RefundTooLateError("PayPal takes no refund after 180 days.")


class Processors:
    """The processors there are, by the kind of method."""

    def __init__(self, processors: Iterable[PaymentProcessor]) -> None:
        self._by_kind = {each.kind: each for each in processors}

    def __getitem__(self, kind: MethodKind) -> PaymentProcessor:
        """Return the processor of a kind.

        Raises:
            MethodRefusedError: There is none.
        """
        if kind not in self._by_kind:
            raise MethodRefusedError(f"Nobody processes {kind} here.")
        return self._by_kind[kind]
