"""Where answers come from: the log and the customers as narwhals frames, as of one moment.

Rules are written once against narwhals. What it cannot say (reading JSON, hashing) is said here and
in ``attributes`` in Polars' own words: these two files are what another engine would replace.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, TypeVar

import narwhals as nw
import numpy as np
import polars as pl

from segmind.customers import purchases
from segmind.customers.facts import Facts
from segmind.customers.roster import Roster
from segmind.events import derive
from segmind.events.schema import DERIVED, UTC_INSTANT, Kind
from segmind.events.spans import Span
from segmind.events.vectors.buyers import Buyers
from segmind.events.vectors.columns import as_array
from segmind.events.vectors.following import Side
from segmind.events.vectors.product_sets import PRODUCT
from segmind.events.vectors.ranges import narrow
from segmind.events.vectors.vector import NEVER, NOT_YET
from segmind.predictions.histories import Histories
from segmind.predictions.model import Model
from segmind.segments import fields, json_columns, row_counts
from segmind.segments.acts import ORDER, SESSION, Act, event_code
from segmind.segments.comparison import EventComparison
from segmind.segments.moment import Moment

Frame = nw.LazyFrame[Any]
T = TypeVar("T")

CUSTOMER: Final = "customer_id"
#: Events whose customers and instants may be kept as arrays: 12 bytes each.
FEW: Final = 6_000_000
_OF_ROW: Final = ("value", "quantity")


class Sources:
    """The facts as rules see them: nothing after the moment, nobody who is gone."""

    def __init__(self, facts: Facts, at: Moment, population: Facts | None = None) -> None:
        """``population``: the facts of all customers, where ``facts`` tell of some only."""
        self._facts = facts
        self._everything = None if population is None else Sources(population, at)
        self._names = facts.log.names()
        self._made: dict[Hashable, Any] = {}
        self.at = at

    def code(self, event: str) -> int:
        """The code of an event that the log knows."""
        code = event_code(event, self._names)
        if code is None:
            raise KeyError(event)
        return code

    @property
    def size(self) -> int:
        """The length of vectors: one more than the largest customer id."""
        return self._facts.vectors.size

    @property
    def rosters(self) -> Sequence[Roster]:
        """The customers who are asked about."""
        return self._facts.rosters

    @property
    def ids(self) -> np.ndarray:
        """The ids of the customers who are asked about, in the order of the rosters."""
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *(roster.ids for roster in self.rosters)])

    @property
    def are_of_everybody(self) -> bool:
        """Whether the log tells of all customers, and so has vectors worth asking."""
        return self._everything is None

    @property
    def population(self) -> Sources:
        """The same moment asked about all customers: what ranks are among."""
        return self if self._everything is None else self._everything

    def customers(self) -> Frame:
        """Every customer: customer_id."""
        ids = np.flatnonzero(self._facts.is_customer)
        return nw.from_native(pl.LazyFrame({CUSTOMER: ids}))

    @property
    def is_customer(self) -> np.ndarray:
        """By customer id: whether there is such a customer."""
        return self._facts.is_customer

    def vector(self, kind: int, span: Span, column: str) -> pl.Series:
        """``totals`` of one kind as a column by customer id (length ``size``).

        ``column``: n or days (Int32), value or quantity (Int64), first_ts or last_ts (instants,
        null without any).
        """
        vectors = self._facts.vectors
        match column:
            case "n":
                return pl.Series(column, vectors.counts(kind, span))
            case "days":
                return pl.Series(column, vectors.days(kind, span))
            case "value":
                return pl.Series(column, vectors.values(kind, span))
            case "quantity":
                return pl.Series(column, vectors.quantities(kind, span))
            case "first_ts":
                return as_instants(vectors.first(kind, span), NOT_YET)
            case _:
                return as_instants(vectors.last(kind, span), NEVER)

    @property
    def model(self) -> Model | None:
        """The model of the moment by which customers' purchases are predicted."""
        return self._facts.models.at(self.at.as_of)

    def histories(self) -> tuple[np.ndarray, Histories]:
        """Ids of the customers with an order up to the moment, and how they have bought."""
        return self.once("histories", lambda: purchases.histories(self._facts, self.at.as_of))

    @property
    def buyers(self) -> Buyers:
        """Totals as ``vector`` has them, of those alone who ever bought."""
        return self._facts.vectors.buyers

    def last(self, kind: int, span: Span) -> np.ndarray:
        """``vector`` last_ts as numbers: microseconds UTC, NEVER without any."""
        return self._facts.vectors.last(kind, span)

    def instants(self, kind: int, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Customer ids and instants (microseconds UTC) of all events of a kind, in no order."""
        return self._facts.vectors.instants(kind, span)

    def first(self, kind: int, span: Span) -> np.ndarray:
        """``vector`` first_ts as numbers: microseconds UTC, NOT_YET without any."""
        return self._facts.vectors.first(kind, span)

    def different_products(self, kind: int, span: Span) -> np.ndarray | None:
        """By customer id: how many different products; None where single events must tell."""
        return self._facts.vectors.products(kind, span)

    def has_products(self, kind: int, span: Span) -> bool:
        """Whether ``different_products`` reads no event of a whole day."""
        return self._facts.vectors.has_products(kind, span)

    def has_nearest(self, rare: int, frequent: int, sides: Collection[Side], reach: Span) -> bool:
        """Whether ``nearest``, on one of the sides, reads no event of a whole day."""
        vectors = self._facts.vectors
        return any(vectors.nearest(rare, frequent, side).is_kept(reach) for side in sides)

    def nearest(
        self, rare: int, frequent: int, side: Side, span: Span, reach: Span
    ) -> tuple[np.ndarray, ...]:
        """Customers, moments of ``rare`` in the span, and the nearest of ``frequent`` to each.

        See ``Nearest.within``; ``frequent`` is a stored kind.
        """
        return self._facts.vectors.nearest(rare, frequent, side).within(span, reach)

    def is_few(self, kind: int, span: Span) -> bool:
        """Whether a kind's events in the span are few enough to be kept in memory."""
        log = self._facts.log
        if kind in DERIVED:
            days = [
                log.rolled.days[d] for d, its in log.rolled.spans.items() if span.meets_span(its)
            ]
            return sum(day.start_rows for day in days) <= 2 * FEW
        return row_counts.rows(log, [kind], span) <= FEW

    def moves(
        self, kind: int, span: Span, columns: Sequence[str]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Raw events as arrays, in portions: customer ids, instants (microseconds), ``columns``.

        For kinds of which there are few enough to be kept in memory.
        """
        return self._facts.vectors.events(kind, span, columns)

    def since_emptied(
        self, put_in: int, taken_out: int, emptied_by: int, span: Span, emptied: np.ndarray
    ) -> np.ndarray:
        """By customer id: items put in less those taken out strictly after ``emptied``, which has
        each customer's last event ``emptied_by`` in the span. For kinds as in ``moves``.
        """
        vectors = self._facts.vectors
        return vectors.since_emptied(put_in, taken_out, emptied_by, span, emptied)

    def side_by_side(self, asked: Mapping[str, tuple[int, Span, str]]) -> Frame:
        """customer_id and vectors as columns, a row for every customer.

        ``asked``: by the column's name, what ``vector`` takes.
        """
        columns = {name: self.vector(*what) for name, what in asked.items()}
        columns[CUSTOMER] = pl.Series(np.arange(self.size, dtype=np.int64))
        frame = pl.LazyFrame(columns).filter(pl.Series(self._facts.is_customer))
        return nw.from_native(frame)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once for these sources."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def collected(self, frame: Frame) -> pl.DataFrame:
        """The rows of a frame that was made from these sources."""
        native: pl.LazyFrame = frame.to_native()
        return native.collect()

    def totals(self, kinds: Collection[int], span: Span) -> Frame:
        """``LogSnapshot.totals``: one row per customer and kind."""
        found = self._facts.log.totals(sorted(set(kinds)), since=span.since, until=span.until)
        return nw.from_native(found)

    def daily(self, kind: int, span: Span) -> Frame:
        """``LogSnapshot.daily``: one row per calendar day and customer on which it happened."""
        found = self._facts.log.daily([kind], since=span.since, until=span.until)
        return nw.from_native(found.filter(pl.col("kind") == kind, pl.col("n") > 0))

    def events(self, kinds: Collection[int], span: Span, columns: Sequence[str]) -> Frame:
        """Raw events."""
        return nw.from_native(self._events(kinds, span, columns))

    def products(self) -> Frame:
        """Every product: product_id and what is known of it."""
        return nw.from_native(self._facts.log.products())

    def occurrences(self, act: Act, span: Span) -> Frame:
        """One row per time that a customer did it: customer_id, ts, value, quantity.

        Rows of stored events also have product_id.
        """
        if act.event == SESSION:
            starts = self._facts.log.session_starts(since=span.since, until=span.until)
            return nw.from_native(starts.with_columns(value=pl.lit(0), quantity=pl.lit(0)))
        if act.event == ORDER:
            return self._orders(act.where, span)
        columns = (CUSTOMER, "ts", "value", "quantity", "product_id")
        rows = self._with_properties([self.code(act.event)], span, columns, act.where)
        return self._where(rows, act.where)

    def portions(self, act: Act, span: Span, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """``occurrences`` of a stored event, a UTC day at a time: customer_id and ``columns``.

        For events of which there are too many to be held at once.
        """
        read = _read_for(act, columns)
        for now, rows in self._facts.vectors.portions(self.code(act.event), span, read):
            found = self._found(act, columns, rows)
            ids = pl.Series(CUSTOMER, now[found[CUSTOMER].to_numpy()])
            yield pl.DataFrame([ids, *(found[name] for name in columns)])

    def sums(
        self, act: Act, span: Span, columns: Sequence[str], amount: pl.Expr
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """``amount``, made of ``columns``, of the ``occurrences`` of a stored event: in portions,
        customers, each once in one, and numbers. Of whole files they are kept between questions.
        """

        def summed(rows: pl.LazyFrame) -> tuple[np.ndarray, ...]:
            found = self._found(act, columns, rows)
            by_customer = found.group_by(CUSTOMER).agg(amount.alias("amount")).sort(CUSTOMER)
            return as_array(by_customer[CUSTOMER]), narrow(as_array(by_customer["amount"]))

        told = [self._fingerprint(t) for t in act.where if t.field.startswith(fields.PRODUCT)]
        key = (repr(act.where), str(amount), self.at.today, self.at.zone.key, *told)
        code, read = self.code(act.event), _read_for(act, columns)
        yield from self._facts.vectors.sums(code, span, read, key, summed)

    def _found(self, act: Act, columns: Sequence[str], rows: pl.LazyFrame) -> pl.DataFrame:
        """customer_id and ``columns`` of the events that satisfy the act's comparisons."""
        others = [test for test in act.where if not test.field.startswith(fields.PRODUCT)]
        of_product = [test for test in act.where if test not in others]
        asked = [CUSTOMER, *columns, *([PRODUCT] if of_product else [])]
        matching = self._where(_with_texts(rows, others), others)
        found = self.collected(matching.select(*dict.fromkeys(asked)))
        for test in of_product:
            found = found.filter(pl.Series(self._is_of(test, found[PRODUCT])))
        return found

    def _fingerprint(self, test: EventComparison) -> bytes:
        """What tells apart the sets of products that satisfy a comparison, as products change."""
        passes = self._passes(test)
        odd = np.flatnonzero(passes != test.operator.matches_missing)
        return blake2b(odd.tobytes(), digest_size=16).digest()

    def _passes(self, test: EventComparison) -> np.ndarray:
        passes: np.ndarray = self.once(("product", test), lambda: self._passing(test))
        return passes

    def _is_of(self, test: EventComparison, products: pl.Series) -> np.ndarray:
        """Whether each event's product satisfies the comparison: looked up, not joined."""
        passes = self._passes(test)
        # Who has no product, or one that nobody knows, is as the last place says.
        places = products.fill_null(-1).to_numpy()
        found: np.ndarray = passes[np.minimum(places, passes.size - 1)]
        return found

    def _passing(self, test: EventComparison) -> np.ndarray:
        """By product_id, and once more for a missing one: whether the comparison is satisfied."""
        field = test.field.removeprefix(fields.PRODUCT)
        verdict = test.holds(nw.col(field), self.at).alias("passes")
        known = self.collected(self.products().select("product_id", verdict))
        ids = known["product_id"].to_numpy()
        size = int(ids.max()) + 2 if ids.size else 1
        passes = np.full(size, test.operator.matches_missing, dtype=np.bool_)
        passes[ids] = known["passes"].to_numpy()
        return passes

    def _orders(self, where: Sequence[EventComparison], span: Span) -> Frame:
        """Orders that start in the span. Where they start depends on all lines before its end."""
        of_line = [test for test in where if test.field not in _OF_ROW]
        past = Span(None, span.until)
        columns = (CUSTOMER, "ts", "value", "quantity", "product_id", *derive.ORDER_KEY_SOURCES)
        native = self._with_properties([Kind.ORDER_COMPLETED], past, columns, of_line)
        lines = nw.from_native(native.to_native().with_columns(derive.order_key()))
        key = (CUSTOMER, *derive.ORDER_KEY)
        orders = lines.group_by(*key).agg(
            nw.col("ts").min(), nw.col("value").sum(), nw.col("quantity").sum()
        )
        if of_line:
            matching = self._where(lines, of_line).select(*key)
            orders = orders.join(matching, on=list(key), how="semi")
        if span.since is not None:
            orders = orders.filter(nw.col("ts") >= span.since)
        return self._where(orders, [test for test in where if test.field in _OF_ROW])

    def _where(self, rows: Frame, where: Sequence[EventComparison]) -> Frame:
        """The rows that satisfy every comparison."""
        for test in where:
            if test.field.startswith(fields.PRODUCT):
                rows = self._of_products(rows, test)
            else:
                rows = rows.filter(test.holds(nw.col(test.column_name), self.at))
        return rows

    def _of_products(self, rows: Frame, test: EventComparison) -> Frame:
        """The rows whose product satisfies the comparison.

        Asked of the few products and carried to the many rows. A comparison that the missing
        satisfy keeps what has no product, so it drops the products that fail it instead.
        """
        products = self.products()
        passes = test.holds(nw.col(test.field.removeprefix(fields.PRODUCT)), self.at)
        if test.operator.matches_missing:
            failing = products.filter(~passes).select("product_id")
            return rows.join(failing, on="product_id", how="anti")
        passing = products.filter(passes).select("product_id")
        return rows.join(passing, on="product_id", how="semi")

    def _with_properties(
        self,
        kinds: Collection[int],
        span: Span,
        columns: Sequence[str],
        where: Sequence[EventComparison],
    ) -> Frame:
        """Raw events with a column for each property that is compared."""
        if not any(test.form is not None for test in where):
            return self.events(kinds, span, columns)
        return _with_texts(self._events(kinds, span, (*columns, "properties")), where)

    def _events(self, kinds: Collection[int], span: Span, columns: Sequence[str]) -> pl.LazyFrame:
        log = self._facts.log
        return log.events(kinds=kinds, since=span.since, until=span.until, columns=columns)


def _read_for(act: Act, columns: Sequence[str]) -> tuple[str, ...]:
    """``columns`` and those that the comparisons of an act look at."""
    looked_at = (_looked_at(test) for test in act.where)
    return tuple(dict.fromkeys([*columns, *looked_at]))


def _looked_at(test: EventComparison) -> str:
    if test.field.startswith(fields.PRODUCT):
        return PRODUCT
    return "properties" if test.form is not None else test.column_name


def _with_texts(rows: pl.LazyFrame, where: Sequence[EventComparison]) -> Frame:
    """The rows with a column for each property that is compared."""
    read = [
        json_columns.value(
            "properties", test.field.removeprefix(fields.PROPERTIES), test.form
        ).alias(test.column_name)
        for test in where
        if test.form is not None
    ]
    unique = {expression.meta.output_name(): expression for expression in read}
    return nw.from_native(rows.with_columns(*unique.values()) if unique else rows)


def as_instants(micros: np.ndarray, missing: int) -> pl.Series:
    """Microseconds as instants, null where they are ``missing``."""
    column = pl.Series("ts", micros)
    there = pl.when(column != missing).then(column)
    return pl.select(there.cast(UTC_INSTANT)).to_series()
