"""What the gate costs per message: consent, suppression, hours and caps, asked afresh.

Usage: gate.py [--customers N] [--batch B] [--rounds R]

Makes customers of several countries in a database of its own and asks for all of them in batches,
as the dispatcher's claims do, each batch in a transaction that is rolled back.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from segmind.consent.addresses import COLUMN, address_key
from segmind.consent.gate import ContactRequest, may_contact
from segmind.db import embedded, tables
from segmind.db.engine import Store, make_engine
from segmind.db.migrate import upgrade
from segmind.events.schema import Channel
from segmind.settings import from_environment
from segmind.workspace.product_settings import ProductSettings

NOON = datetime(2026, 3, 2, 18, tzinfo=UTC)
#: A third has a zone of its own, a third a country, the rest only a telephone number.
_CUSTOMERS = """
    INSERT INTO customer (email, phone, push_token, timezone, country,
                          email_consent, sms_consent, push_consent)
    SELECT 'c' || n || '@example.com',
           CASE n % 4 WHEN 0 THEN '+1' || (ARRAY[212,305,415,512,602,702,808])[1 + n % 7]
                                       || lpad((5000000 + n)::text, 7, '0')
                      WHEN 1 THEN '+4915' || lpad(n::text, 9, '0')
                      WHEN 2 THEN '+447' || lpad(n::text, 9, '0')
                      ELSE '+336' || lpad(n::text, 8, '0') END,
           'token-' || n,
           CASE WHEN n % 3 = 0
                THEN (ARRAY['Europe/Berlin','America/New_York','UTC'])[1 + n / 3 % 3] END,
           CASE WHEN n % 3 = 1 THEN (ARRAY['DE','US','GB','FR'])[1 + n % 4] END, 1, 1, 1
    FROM generate_series(1, :count) n
"""


def measure(store: Store, channel: Channel, batch: int, rounds: int) -> tuple[float, float]:
    """Microseconds per message and those of this process alone, the best of ``rounds``."""
    key, settings = address_key(store.settings.secret_key), ProductSettings()
    with store.engine.connect() as conn:
        rows = conn.execute(text(f"SELECT id, {COLUMN[channel]} FROM customer ORDER BY id")).all()
    requests = [ContactRequest(row[0], channel, row[1]) for row in rows]
    times = []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        for first in range(0, len(requests), batch):
            with store.engine.connect() as conn:
                may_contact(conn, key, settings, requests[first : first + batch], NOON)
                conn.rollback()
        took, own = time.perf_counter() - started, time.process_time() - used
        times.append((took / len(requests) * 1e6, own / len(requests) * 1e6))
    return min(times)


def main() -> None:
    """Print microseconds per message by channel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segmind-gate-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        url = embedded.ensure_running(home)
        try:
            engine = make_engine(url)
            tables.load()
            upgrade(engine)
            settings = from_environment({"SEGMIND_HOME": folder, "SEGMIND_DATABASE_URL": url})
            store = Store(engine=engine, lake=settings.lake, settings=settings)
            with engine.begin() as conn:
                conn.execute(text(_CUSTOMERS), {"count": given.customers})
            for channel in Channel:
                cost, own = measure(store, channel, given.batch, given.rounds)
                print(
                    f"{channel.label:6} {cost:7.1f} µs a message ({own:.1f} µs of Python), "
                    f"{1e6 / cost:9,.0f}/s"
                )
            engine.dispose()
        finally:
            embedded.stop(home)


if __name__ == "__main__":
    main()
