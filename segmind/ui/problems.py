"""From an error to a calm sentence."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from segmind.db.engine import DatabaseDown
from segmind.errors import SegmindError

P = ParamSpec("P")

log = logging.getLogger(__name__)


@contextmanager
def shown(doing: str = "") -> Iterator[None]:
    """Show an error of the block as a sentence; whoever reads it can go on.

    A domain error says what is wrong and what to do; so does a database that is away. Any other
    error is logged under an id, which is all that the reader sees of it. ``doing`` is what was
    tried: "Save the segment".
    """
    try:
        yield
    except SegmindError as error:
        tell(error, doing)
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        log.warning("The database does not answer: %s", type(error).__name__)
        tell(DatabaseDown(hint="Nothing is lost. Reload the page in a moment."), doing)
    except Exception as error:
        if isinstance(error, DBAPIError):
            error.hide_parameters = True  # statements carry personal data
        number = secrets.token_hex(4)
        log.exception("Problem %s%s", number, f" while: {doing}" if doing else "")
        st.error(
            f"{doing + ': s' if doing else 'S'}omething went wrong on our side. "
            f"The log has the details under **{number}**.",
            icon=":material/error:",
        )


def guarded(body: Callable[P, None]) -> Callable[P, None]:
    """``body`` inside ``shown``: for fragments, whose reruns nothing else watches over."""

    @wraps(body)
    def watched(*args: P.args, **kwargs: P.kwargs) -> None:
        with shown():
            body(*args, **kwargs)

    return watched


def tell(error: SegmindError, doing: str = "") -> None:
    """Show a domain error: what was tried, what is wrong, where, and what to do."""
    where = f" ({error.field})" if error.field else ""
    body = f"{doing}: {error.message}{where}" if doing else f"{error.message}{where}"
    st.warning(f"{body}\n\n{error.hint}" if error.hint else body, icon=":material/info:")
