"""The models that are kept: written once a day, read with every question."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.postgresql import insert

from segmind.predictions.bg_nbd import BgNbd
from segmind.predictions.gamma_gamma import GammaGamma
from segmind.predictions.model import Model
from segmind.predictions.tables import prediction_model

#: Days of which the model is kept, so that past moments can be asked about.
KEPT_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Models:
    """All models, by day; ``version`` changes with every one that is written or removed."""

    version: str = ""
    every: tuple[Model, ...] = ()

    def at(self, moment: datetime) -> Model | None:
        """The newest model of then, else the oldest there is; None without any.

        A model learns from all customers, so that one of later says of a customer of then nothing
        that his own history does not bear out.
        """
        known = [model for model in self.every if model.as_of <= moment]
        return known[-1] if known else next(iter(self.every), None)


NO_MODELS: Final = Models()


def read(conn: Connection, before: Models | None = None) -> Models:
    """The models in ``conn``'s snapshot; the very same object as ``before`` if none changed."""
    newest, n = conn.execute(select(func.max(prediction_model.c.fitted_at), func.count())).one()
    version = f"{newest.timestamp()}.{n}" if newest is not None else ""
    if before is not None and before.version == version:
        return before
    rows = conn.execute(select(prediction_model).order_by(prediction_model.c.day))
    return Models(version, tuple(_model(row) for row in rows))


def save(conn: Connection, model: Model) -> None:
    """Keep the model of its day, instead of another of that day and of all later ones.

    Later ones are there only when the clock was set back. Those of more than ``KEPT_DAYS`` ago go.
    """
    values: dict[str, Any] = {
        "day": model.day,
        "as_of": model.as_of,
        "r": model.buying.r,
        "alpha": model.buying.alpha,
        "a": model.buying.a,
        "b": model.buying.b,
        "p": model.spending.p if model.spending else None,
        "q": model.spending.q if model.spending else None,
        "gamma": model.spending.gamma if model.spending else None,
        "customers": model.customers,
        "returned": model.returned,
        "log_likelihood": model.log_likelihood,
        "correlation": model.correlation,
        "fitted_at": func.clock_timestamp(),
    }
    forget_outside(conn, model.day - timedelta(days=KEPT_DAYS), model.day)
    statement = insert(prediction_model).values(values)
    conn.execute(statement.on_conflict_do_update(index_elements=["day"], set_=values))


def forget_outside(conn: Connection, first: date, last: date) -> None:
    """Remove the models of days before ``first`` and after ``last``."""
    day = prediction_model.c.day
    conn.execute(prediction_model.delete().where((day < first) | (day > last)))


def _model(row: Row[Any]) -> Model:
    spending = None if row.p is None else GammaGamma(row.p, row.q, row.gamma)
    return Model(
        day=row.day,
        as_of=row.as_of,
        buying=BgNbd(row.r, row.alpha, row.a, row.b),
        spending=spending,
        customers=row.customers,
        returned=row.returned,
        log_likelihood=row.log_likelihood,
        correlation=row.correlation,
    )
