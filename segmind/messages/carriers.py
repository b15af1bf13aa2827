"""The providers of this installation, ready to send."""

from __future__ import annotations

from dataclasses import replace

from segmind.channels import registry
from segmind.channels.fates import REHEARSAL_SPEED
from segmind.channels.registry import Registry
from segmind.db.engine import Store
from segmind.messages.sandbox_carrier import CarrierBook
from segmind.workspace import credentials, product_settings


def open_registry(store: Store, *, speed: float = REHEARSAL_SPEED) -> Registry:
    """The providers by the workspace's credentials and the environment, the sandbox for the rest.

    Web and scheduler alike use this one, so that all of them see the same carrier's book.
    """
    with store.engine.connect() as conn:
        kept = credentials.load_all(conn, store.settings.secret_key)
        public_url = product_settings.load(conn).public_url or store.settings.public_url
    settings = replace(store.settings, public_url=public_url)
    return registry.build(settings, kept, ledger=CarrierBook(store.engine), speed=speed)
