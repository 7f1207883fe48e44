"""Coupons in PostgreSQL: read without a transaction, changed within a unit of work."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.keyset import read_page
from chassis.lookups import Lookup
from orders.data.tables import coupons
from orders.domain.coupons import Coupon

_coupons = select(*(coupons.c[name] for name in Coupon._fields))
_coupon = Lookup(_coupons.where(coupons.c.code == bindparam("code")))


class SqlCouponRepository:
    """The ``CouponRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, code: str) -> Coupon | None:
        """Return the coupon, locked, or None."""
        found = await self._session.execute(_coupons.where(coupons.c.code == code).with_for_update())
        row = found.one_or_none()
        return None if row is None else Coupon._make(row)

    async def add(self, coupon: Coupon) -> bool:
        """Keep a new one, after whoever else makes it at this moment; see the port."""
        added = insert(coupons).values(coupon._asdict()).on_conflict_do_nothing().returning(coupons.c.code)
        return await self._session.scalar(added) is not None

    async def change(self, coupon: Coupon) -> None:
        """Keep the changed one that was found before."""
        await self._session.execute(update(coupons).where(coupons.c.code == coupon.code).values(coupon._asdict()))

    async def use(self, code: str) -> None:
        """Count an order that was placed with it."""
        await self._session.execute(update(coupons).where(coupons.c.code == code).values(used=coupons.c.used + 1))

    async def give_back(self, code: str, used_at: datetime) -> None:
        """Count one order less; see the port."""
        same = (coupons.c.code == code, coupons.c.created_at <= used_at, coupons.c.used > 0)
        await self._session.execute(update(coupons).where(*same).values(used=coupons.c.used - 1))

    async def remove(self, code: str) -> None:
        """Have it no more."""
        await self._session.execute(delete(coupons).where(coupons.c.code == code))


class SqlCouponDirectory:
    """The ``CouponDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, code: str) -> Coupon | None:
        """Return the coupon or None; see the port."""
        row = await _coupon.row(self._database, code=code)
        return None if row is None else Coupon._make(row)

    async def find_by(self, *, after: tuple[str] | None, limit: int) -> list[Coupon]:
        """Return a page of coupons; see the port."""
        page = read_page(_coupons, coupons.c.code, after=after, limit=limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(page)).all()
        return [Coupon._make(row) for row in rows]
