"""What every job is given besides the store."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime

from scheduler.carrier_room import CarrierRoom, Carriers
from scheduler.pulse import Pulse
from scheduler.senders import Senders
from segmind import clock
from segmind.db.engine import Store


def process_name() -> str:
    """This process among all schedulers."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True)
class Context:
    """One scheduler process. ``stopping`` is set once it has been asked to stop: a job that works
    in batches looks at it between two of them."""

    process: str = field(default_factory=process_name)
    stopping: threading.Event = field(default_factory=threading.Event)
    pulse: Pulse = field(default_factory=Pulse)
    room: CarrierRoom = field(default_factory=CarrierRoom)
    senders: Senders = field(default_factory=Senders)

    def now(self) -> datetime:
        """The product's time."""
        return clock.now()

    def carriers(self, store: Store) -> Carriers:
        """The providers and the dispatchers of this process."""
        return self.room.carriers(store)
