"""Seconds spent in named functions, over all threads, without a line in what is measured."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Steps:
    """Seconds by step. A step inside of another is counted for the inner one only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._inside = threading.local()

    @contextmanager
    def watching(self, *places: tuple[Any, str, str]) -> Iterator[None]:
        """Measure calls of ``owner.name`` as ``step`` for every (owner, name, step)."""
        kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
        for owner, name, step in places:
            setattr(owner, name, self._measured(getattr(owner, name), step))
        try:
            yield
        finally:
            for owner, name, function in kept:
                setattr(owner, name, function)

    def _measured(self, function: Callable[..., Any], step: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            stack = self._inside.__dict__.setdefault("stack", [])
            stack.append(0.0)
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                passed = time.perf_counter() - began
                inner = stack.pop()
                if stack:
                    stack[-1] += passed
                with self._lock:
                    self.seconds[step] += passed - inner

        return measured
