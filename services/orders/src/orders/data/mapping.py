"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import registry

from orders.data.tables import carts, metadata, orders, sagas
from orders.domain.carts import Cart
from orders.domain.orders import Order
from orders.domain.sagas import Saga

mapper = registry(metadata=metadata)

mapper.map_imperatively(Cart, carts)
mapper.map_imperatively(Order, orders)
mapper.map_imperatively(Saga, sagas)


@event.listens_for(Order, "load")
def _begin_without_events(order: Order, _context: Any) -> None:
    """Give a loaded order its list of events: SQLAlchemy does not call ``__init__``."""
    order.events = []
