"""Asking providers about messages in doubt, without adding to their trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import RowMapping

from segmind.channels.provider import Finding, Parcel, Provider, Unknown
from segmind.consent.purpose import Purpose
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages.judging import Claimed
from segmind.messages.links import LinkBook
from segmind.messages.rendering import Rendered, Renderer
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings

#: So many in a row that a provider leaves unanswered are enough for one run: 60 messages in doubt
#: were asked about 6,400 times while it failed for a minute and a half.
MOST_UNANSWERED: Final = 3
#: By so much a provider's clock may differ from ours.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


class LookUps:
    """The questions of one run; none more to a provider that leaves them unanswered."""

    def __init__(self) -> None:
        self._unanswered: Counter[str] = Counter()

    def of(self, provider: Provider, parcel: Parcel, since: datetime) -> Callable[[], Finding]:
        """The question whether the provider took the parcel at ``since`` or a little before."""
        return partial(self._find, provider, parcel, since - _CLOCKS_DIFFER)

    def _find(self, provider: Provider, parcel: Parcel, since: datetime) -> Finding:
        if self._unanswered[provider.name] >= MOST_UNANSWERED:
            return Unknown("It left the questions before unanswered.")
        found = provider.find(parcel, since)
        if isinstance(found, Unknown):
            self._unanswered[provider.name] += 1
        else:
            del self._unanswered[provider.name]
        return found


def parcels(
    store: Store, rows: Sequence[RowMapping], settings: ProductSettings
) -> dict[int, Parcel]:
    """The parcels of messages (rows with all their columns) as they were handed over, by message
    id, for providers that are asked by address and text. Those that cannot be rendered are left
    out."""
    base_url = settings.public_url or store.settings.public_url
    renderer = Renderer(LinkBook(store.settings.secret_key, base_url))
    messages = [
        Claimed(
            id=row["id"],
            public_id=row["public_id"],
            source=SourceKey(row["source_kind"], row["source_id"]),
            purpose=Purpose(row["purpose"]),
            customer_id=row["customer_id"],
            channel=Channel(row["channel"]),
            address=row["address"] or "",
            template_version_id=row["template_version_id"],
            vars=row["vars"] or {},
            attempt=row["attempt"],
            expires_at=row["expires_at"],
        )
        for row in rows
    ]
    with store.engine.connect() as conn:
        results = renderer.render(conn, messages, settings, base_url)
    return {result.message.id: result.parcel for result in results if isinstance(result, Rendered)}
