"""Create an API key; it is printed once and cannot be read again.

Usage: create_api_key.py NAME [--scope SCOPE ...] [--days N]
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from segmind import clock
from segmind.db.engine import open_store
from segmind.db.migrate import upgrade
from segmind.errors import SegmindError
from segmind.settings import from_environment
from segmind.workspace import api_keys
from segmind.workspace.api_keys import Scope


def main(arguments: list[str] | None = None) -> int:
    """0: created, the key alone is on the standard output; 1: refused."""
    parser = argparse.ArgumentParser(description="Create an API key.")
    parser.add_argument("name", help="what the key is for")
    parser.add_argument(
        "--scope",
        action="append",
        choices=[scope.value for scope in Scope],
        help="what it may do; may be given several times (default: admin)",
    )
    parser.add_argument("--days", type=int, help="expire after so many days (default: never)")
    options = parser.parse_args(arguments)
    now = clock.wall()
    try:
        store = open_store(from_environment(), wait=10)
        upgrade(store.engine)
        with store.engine.begin() as conn:
            made, secret = api_keys.create(
                conn,
                options.name,
                options.scope or [Scope.ADMIN],
                actor="script",
                now=now,
                expires_at=None if options.days is None else now + timedelta(days=options.days),
            )
    except SegmindError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Key {made.id} ({', '.join(sorted(made.scopes))}); keep it safe:", file=sys.stderr)
    print(secret)
    return 0


if __name__ == "__main__":
    sys.exit(main())
