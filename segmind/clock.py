"""The one place that knows what time it is; replaceable, and it can stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

Source = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


_source: Source = _system


def now() -> datetime:
    """The present instant, aware, in UTC. Frozen while a source or a test says so."""
    return _source()


def wall() -> datetime:
    """The system's time, even while the product's clock is frozen.

    For secrets only: a sign-in or an API key must expire whatever day the shop is looking at.
    """
    return _system()


def use(source: Source | None) -> None:
    """Read the time from ``source`` from now on; ``None`` returns to the system's clock."""
    global _source  # noqa: PLW0603 - the clock is the one process-wide thing on purpose
    _source = source or _system


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Let time stand still at ``at`` (aware) inside the block."""
    if at.tzinfo is None:
        raise ValueError("A frozen instant must be aware: give it tzinfo=UTC.")
    before = _source
    use(lambda: at.astimezone(UTC))
    try:
        yield
    finally:
        use(before)
