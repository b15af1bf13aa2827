"""The demo shop's cart recovery: an automation that ran for weeks, and that goes on live."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from scripts.demo_shop import customers
from scripts.demo_shop.frames import Batch
from scripts.demo_shop.outcomes import draw
from scripts.demo_shop.past import ACTOR, Past, send
from scripts.demo_shop.stories import CART_RECOVERY, CART_RECOVERY_DAYS, COST_MICROS
from segmind.automations import automation, counts, engine
from segmind.automations.entry import CART_LIFE
from segmind.automations.flow import FINISHED, GOAL
from segmind.automations.recipes import cart_recovery
from segmind.automations.recipes.carts import HOLDOUT_STEP
from segmind.automations.steps import HOLDOUT, Send
from segmind.events.schema import UTC_INSTANT, Channel, Kind, Source
from segmind.experiments.holdouts import in_holdout

WAIT = timedelta(minutes=60)
NAME = "Cart recovery"
#: Additions to carts that the past of the automation is about, at most.
MOST_ADDITIONS = 300_000
STEPS = ("wait_email", "cart_email", "consent_email", "send_email")
#: So many of those who left a cart are never reminded.
HOLDOUT_PERCENT = 10


def tell(past: Past, acts: pl.DataFrame) -> dict[str, float]:
    """Write the automation, its past runs and messages; returns its true effect by name.

    ``acts``: additions and order lines (customer_id, kind, ts). A run begins with the first
    addition to a cart; one hour after the last one the customer is reminded by e-mail, unless an
    order came first or chance holds the customer out. The automation stays live: carts from now on
    are the scheduler's.
    """
    begin = _begin(past, acts)
    made = automation.create(
        past.conn, NAME, cart_recovery(holdout_percent=HOLDOUT_PERCENT), begin, ACTOR
    )
    automation.set_state(past.conn, made.id, "live", past.until, ACTOR)
    past.conn.commit()
    salt = f"{engine.salt(made.id)}:{HOLDOUT_STEP}"
    carts = _carts(acts.filter(pl.col("ts") >= begin), past, salt)
    number = pl.int_range(pl.len(), dtype=pl.Int64)
    runs = carts.with_columns(run_id=number + past.first_run_id)
    _write_runs(past, made.id, made.version, runs)
    reminded = runs.filter(pl.col("reminded")).sort("due", "run_id")
    content = next(s for s in made.definition.steps if isinstance(s, Send)).template_version_id
    batch = Batch(
        source=Source.AUTOMATION,
        source_id=made.id,
        channel=Channel.EMAIL,
        template_version_id=content or 0,
        cost_micros=COST_MICROS[Channel.EMAIL],
        first_message_id=past.message_ids(reminded.height),
        customer_ids=reminded["customer_id"].to_numpy(),
        addresses=reminded["address"],
    )
    rng = np.random.default_rng([past.seed, 30])
    due = reminded["due"].dt.timestamp("us").to_numpy()
    seen = draw(CART_RECOVERY, reminded.height, past.until, past.last, rng, sent=due)
    extra = {"run_id": reminded["run_id"], "step": pl.repeat(STEPS[-1], reminded.height,
                                                             eager=True)}  # fmt: skip
    send(past, NAME, batch, seen, rng, extra)
    return {NAME: CART_RECOVERY.effect}


def _begin(past: Past, acts: pl.DataFrame) -> datetime:
    """When the automation went live: later in a large shop, whose past would be an archive."""
    added = acts.filter(pl.col("kind") == int(Kind.PRODUCT_ADDED))["ts"]
    begin = past.until - timedelta(days=CART_RECOVERY_DAYS)
    if added.len() <= MOST_ADDITIONS:
        return begin
    latest: datetime = added.sort(descending=True)[MOST_ADDITIONS]
    return max(begin, latest)


def _carts(acts: pl.DataFrame, past: Past, salt: str) -> pl.DataFrame:
    """One row per cart whose hour is over: customer_id, triggered, due, ordered, held, reminded,
    address.

    A new cart begins with the first addition after an order, or a cart's life after the one before.
    """
    is_order = pl.col("kind") == int(Kind.ORDER_COMPLETED)
    ordered = acts.sort("customer_id", "ts").with_columns(
        cart=is_order.cum_sum().over("customer_id")
    )
    carts = (
        ordered.filter(~is_order)
        .group_by("customer_id", "cart")
        .agg(
            triggered=pl.col("ts").min(),
            changed=pl.col("ts").filter(pl.col("ts") < pl.col("ts").min() + CART_LIFE).max(),
        )
        .with_columns(due=pl.col("changed") + WAIT)
        .filter(pl.col("due") < past.until)
    )
    orders = ordered.filter(is_order).select("customer_id", pl.col("ts").alias("order_at"))
    carts = carts.sort("triggered").join_asof(
        orders.sort("order_at"), left_on="triggered", right_on="order_at", by="customer_id",
        strategy="forward", check_sortedness=False,
    )  # fmt: skip
    gone = past.gone.of(Channel.EMAIL)["id"]
    people = past.people.select(
        pl.col("id").alias("customer_id"), pl.col("email").alias("address"),
        can=(pl.col("email_consent") == 1).fill_null(value=False) & pl.col("email").is_not_null()
        & ~pl.col("id").is_in(gone.implode()),
    )  # fmt: skip
    bought = (pl.col("order_at") <= pl.col("due")).fill_null(value=False)
    return (
        carts.join(people, on="customer_id")
        .with_columns(ordered=bought)
        .with_columns(held=in_holdout(pl.col("customer_id"), salt, HOLDOUT_PERCENT))
        .with_columns(reminded=~pl.col("ordered") & pl.col("can") & ~pl.col("held"))
        .sort("triggered", "customer_id")
    )


def _write_runs(past: Past, automation_id: int, version: int, runs: pl.DataFrame) -> None:
    exited = pl.when("ordered").then("order_at").otherwise("due")
    past.loading.copy(
        "automation_run",
        runs.select(
            pl.col("run_id").alias("id"),
            pl.lit(automation_id).alias("automation_id"),
            pl.lit(version).alias("version"),
            "customer_id",
            pl.format("cart:{}", pl.col("triggered").dt.timestamp("us")).alias("entry_key"),
            pl.col("triggered").alias("triggered_at"),
            (pl.col("triggered") + timedelta(seconds=2)).alias("entered_at"),
            pl.lit("exited").alias("state"),
            pl.when("ordered")
            .then(pl.lit(GOAL))
            .when("held")
            .then(pl.lit(HOLDOUT))
            .otherwise(pl.lit(FINISHED))
            .alias("exit_reason"),
            exited.alias("exited_at"),
        ),
    )
    past.loading.do(lambda conn: customers.bump_identity(conn, "automation_run"))
    stayed = ~pl.col("ordered")
    out_of_reach = stayed & ~pl.col("held") & ~pl.col("can")
    notes = [
        _note(runs.filter("ordered"), STEPS[0], "exited", "order_at", GOAL),
        _note(runs.filter(stayed), STEPS[0], "passed", "due"),
        _note(runs.filter(stayed), STEPS[1], "yes", "due"),
        _note(runs.filter(stayed & pl.col("held")), HOLDOUT_STEP, "branch:held out", "due"),
        _note(runs.filter(stayed & pl.col("held")), HOLDOUT_STEP, "exited", "due", HOLDOUT),
        _note(runs.filter(stayed & ~pl.col("held")), HOLDOUT_STEP, "branch:reminded", "due"),
        _note(runs.filter(out_of_reach), STEPS[2], "no", "due"),
        _note(runs.filter(out_of_reach), STEPS[2], "exited", "due", FINISHED),
        _note(runs.filter("reminded"), STEPS[2], "yes", "due"),
        _note(runs.filter("reminded"), STEPS[3], "sent", "due"),
        _note(runs.filter("reminded"), STEPS[3], "exited", "due", FINISHED),
    ]
    told = pl.concat(notes).sort("at", maintain_order=True)
    past.loading.copy("automation_run_step", told)
    past.loading.do(lambda conn: counts.recount(conn, automation_id))


def _note(
    runs: pl.DataFrame, step: str, outcome: str, at: str, reason: str | None = None
) -> pl.DataFrame:
    detail = None if reason is None else f'{{"reason": "{reason}"}}'
    return runs.select(
        "run_id",
        pl.lit(step).alias("step"),
        pl.lit(outcome).alias("outcome"),
        pl.lit(detail, pl.String).alias("detail"),
        pl.col(at).cast(UTC_INSTANT).alias("at"),
    )
