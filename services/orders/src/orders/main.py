"""Puts the service together: the only place that reads settings and knows every layer."""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.app import Service
from chassis.database import Database
from chassis.doorbell import Doorbell
from chassis.peers import Peers
from orders import events
from orders.api import carts, coupons, fulfilment, orders, reconciliation, sagas, streams
from orders.clients.books import HttpBooks
from orders.clients.catalog import HttpCatalog
from orders.clients.customers import HttpCustomers
from orders.clients.inventory import HttpInventory
from orders.clients.payments import HttpPayments
from orders.data.coupons import SqlCouponDirectory
from orders.data.directory import SqlCartDirectory, SqlOrderDirectory, SqlSagaDirectory
from orders.data.retention import purge_carts, purge_sagas
from orders.data.units import WORK, SqlUnitOfWork
from orders.domain.checkout import Till
from orders.domain.discounts import DiscountCalculator, standard_rules
from orders.domain.pricing import Pricer
from orders.domain.progress import Progress
from orders.domain.reconciliation import Reconciler
from orders.domain.shipping import ShippingService
from orders.domain.taxes import TaxTable
from orders.settings import CheckoutSettings, Settings
from orders.workers.metrics import SagaMetrics
from orders.workers.sagas import Pace, SagaWorker

__all__ = ["Settings", "build"]

_HOUR = 3600


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="orders")
    database = service.use_database(settings.database, publish=events.publish)
    service.use_broker(settings.broker)
    service.use_tokens(settings.tokens)
    peers = service.use_peers(settings.client, settings.peers)
    progress = Progress()
    bell = service.use_doorbell("sagas", progress.wake)
    database.after_commit.append(partial(_ring, bell))
    worker = _worker(settings.checkout, database, peers, progress)
    service.run("sagas", worker.run)
    service.every("purge-carts", _HOUR, partial(purge_carts, database))
    service.every("purge-sagas", _HOUR, partial(purge_sagas, database))
    state = service.app.state
    state.units, state.progress, state.worker = SqlUnitOfWork, progress, worker
    state.patience = settings.checkout.patience
    state.orders, state.carts = SqlOrderDirectory(database), SqlCartDirectory(database)
    pricer = Pricer(DiscountCalculator(standard_rules()), ShippingService(), TaxTable())
    state.sagas = SqlSagaDirectory(database)
    service.run("saga-metrics", SagaMetrics(state.sagas).run)
    state.reconciler = Reconciler(state.orders, state.sagas, HttpBooks(peers["payments"], peers["inventory"]))
    state.coupons = SqlCouponDirectory(database)
    catalog, customers = HttpCatalog(peers["catalog"]), HttpCustomers(peers["customers"])
    state.till = Till(state.carts, state.coupons, catalog, customers, pricer, service.clock)
    service.include(carts.router, streams.router, orders.router, fulfilment.router, sagas.router)
    service.include(coupons.router, reconciliation.router)
    return service


def _worker(checkout: CheckoutSettings, database: Database, peers: Peers, progress: Progress) -> SagaWorker:
    inventory = HttpInventory(peers["inventory"], expires_in_seconds=checkout.reservation_seconds)
    pace = Pace(
        lease_seconds=checkout.lease_seconds,
        call_seconds=checkout.call_seconds,
        poll_seconds=checkout.poll_seconds,
        concurrency=checkout.concurrency,
    )
    return SagaWorker(database, SqlUnitOfWork, inventory, HttpPayments(peers["payments"]), progress, pace)


def _ring(bell: Doorbell, session: AsyncSession) -> None:
    """Have the workers look at once at what a transaction has left for them."""
    if session.info.pop(WORK, False):
        bell.ring()
