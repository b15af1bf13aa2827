from __future__ import annotations

import pytest

from segmind.workspace.access import Visit


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("127.0.0.1", "localhost:8631"),
        ("127.0.0.1", "127.0.0.1:8631"),
        ("::1", "[::1]:8631"),
        ("::ffff:127.0.0.1", "localhost"),
        (None, "127.0.0.1:8631"),
    ],
)
def test_a_request_from_this_machine_to_this_machine_is_local(client: str, host: str) -> None:
    assert Visit(client, host).is_local


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("10.0.0.7", "localhost:8631"),
        ("127.0.0.1", "rebound.example:8631"),
        ("127.0.0.1", "127.0.0.1.rebound.example"),
        ("127.0.0.1", ""),
        ("127.0.0.1", None),
        ("not an address", "localhost"),
    ],
)
def test_anything_else_is_foreign(client: str, host: str | None) -> None:
    assert not Visit(client, host).is_local
