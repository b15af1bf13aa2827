"""The three vendors behind one address, with their faults, their log and their reports."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final

from segmind.channels.channel import Channel
from segmind.channels.emulator import fcm, sendgrid, twilio
from segmind.channels.emulator.acceptances import AcceptanceLog
from segmind.channels.emulator.faults import CALM, BadPlan, Fault, FaultPlan, Kind, plan_of, to_json
from segmind.channels.emulator.identity import Identity
from segmind.channels.emulator.reporting import Reporter
from segmind.channels.emulator.vendor import Taking, Vendor
from segmind.channels.emulator.wire import Ending, Reply, Request, Wire

#: The emulator's own resources (what it accepted, its plan); no vendor has such a path.
OWN: Final = "/emulator"
_ENDINGS: Final = {
    Kind.RESET: Ending.RESET,
    Kind.HANG: Ending.HANG,
    Kind.DRIP: Ending.DRIP,
    Kind.TORN: Ending.TORN,
}


class Emulator:
    """One emulator. ``plan`` may be replaced while it runs; everything else stays as it is.

    Belongs to the loop that started it. ``reporter`` None: nothing is reported.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        plan: FaultPlan = CALM,
        identity: Identity | None = None,
        log: AcceptanceLog | None = None,
        reporter: Reporter | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.seed = seed
        self.plan = plan
        self.identity = identity or Identity.fresh()
        self.log = log or AcceptanceLog()
        self.reporter = reporter
        self.requests = 0
        self.met: Counter[str] = Counter()
        self._now = now
        # Ids stay unique when an emulator is started again beside the same log.
        boot = secrets.token_hex(4)
        self._twilio = twilio.TwilioVendor(self.identity, boot, lambda: self.plan.look_up_lag)
        self._sendgrid = sendgrid.SendGridVendor(self.identity, boot)
        self._fcm = fcm.FcmVendor(self.identity, boot)
        self._buckets: dict[Channel, tuple[float, float]] = {}
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; port 0 takes a free one. Returns the base URL, the same for all vendors."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(self.answer, self._wires), host, port, backlog=1024
        )
        if self.reporter is not None:
            await self.reporter.start(self.identity, self.seed)
        return f"http://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, break every connection off, drop what is not reported yet."""
        if self._server is not None:
            self._server.close()
            for wire in list(self._wires):
                wire.abort()
            await self._server.wait_closed()
        if self.reporter is not None:
            await self.reporter.stop()
        self.log.close()

    # --- requests --------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """The reply to one request, with what goes wrong."""
        vendor = self._vendor(request.path)
        if vendor is None:
            return self._own(request)
        now = self._now()
        self.requests += 1
        number = self.requests
        channel = vendor.channel
        if self._is_over_rate(channel, now):
            self.met["over_rate"] += 1
            return _too_many(vendor, Fault(Kind.TOO_MANY, 0.0), now)
        read = vendor.read(request, number, now)
        if isinstance(read, Reply) and read.status >= 400:
            return read
        fault = self.plan.draw(self.seed, number, channel) if _can_fail(request) else None
        wait = self.plan.wait(self.seed, number)
        if fault is None:
            reply = self._accept(vendor, read, number, now)
        else:
            self.met[f"{fault.kind}{' after accepting' if fault.accepts else ''}"] += 1
            reply = self._spoilt(vendor, read, fault, number, now)
        reply.wait += wait
        return reply

    def _vendor(self, path: str) -> Vendor | None:
        if path.startswith(twilio.PREFIX):
            return self._twilio
        if path.startswith(sendgrid.PREFIX):
            return self._sendgrid
        if path.startswith(fcm.PREFIX) or path == fcm.TOKEN_PATH:
            return self._fcm
        return None

    def _accept(self, vendor: Vendor, read: Taking | Reply, number: int, now: float) -> Reply:
        if isinstance(read, Reply):
            return read
        self.log.append(number, vendor.channel, read.messages, now)
        vendor.took(read.messages, now)
        if self.reporter is not None:
            self.reporter.expect(vendor.channel, read.messages)
        return read.reply

    def _spoilt(
        self, vendor: Vendor, read: Taking | Reply, fault: Fault, number: int, now: float
    ) -> Reply:
        good = read if isinstance(read, Reply) else read.reply
        if fault.kind is Kind.TOO_MANY:
            return _too_many(vendor, fault, now)
        if fault.accepts or fault.kind is Kind.DELAY:
            good = self._accept(vendor, read, number, now)
        match fault.kind:
            case Kind.DELAY:
                return Reply(good.status, good.body, good.headers, wait=fault.seconds)
            case Kind.ERROR:
                return Reply(fault.status, vendor.error(fault.status))
            case Kind.WRONG_TYPE:
                page = b"<html><body>It works!</body></html>"
                return Reply(200, page, "Content-Type: text/html\r\n")
            case _:
                return Reply(good.status, good.body, good.headers, ending=_ENDINGS[fault.kind])

    def _is_over_rate(self, channel: Channel, now: float) -> bool:
        rate = self.plan.per_second.get(channel)
        if rate is None:
            return False
        left, since = self._buckets.get(channel, (rate, now))
        left = min(rate, left + (now - since) * rate)
        over = left < 1.0
        self._buckets[channel] = (left if over else left - 1.0, now)
        return over

    # --- the emulator's own resources ------------------------------------------------------------

    def _own(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/emulator":
                return Reply(200, json.dumps(self.status()).encode())
            case "GET", "/emulator/accepted":
                return Reply(200, self.log.raw(), "Content-Type: application/x-ndjson\r\n")
            case "PUT", "/emulator/plan":
                try:
                    self.plan = plan_of(request.body.decode("utf-8", "replace").strip())
                except BadPlan as error:
                    return Reply(400, json.dumps({"detail": str(error)}).encode())
                return Reply(200, json.dumps(to_json(self.plan)).encode())
        return Reply(404, b'{"detail": "No vendor that is emulated here has such a path."}')

    def status(self) -> dict[str, Any]:
        """Figures of this run."""
        return {
            "seed": self.seed,
            "plan": to_json(self.plan),
            "requests": self.requests,
            "accepted": self.log.count,
            "faults": dict(sorted(self.met.items())),
            "reports": None if self.reporter is None else self.reporter.figures(),
        }


def _can_fail(request: Request) -> bool:
    """Faults meet messages and look-ups; tokens and checks of the set-up stay well."""
    return request.path.endswith(("/Messages.json", "/mail/send", "/messages:send"))


def _too_many(vendor: Vendor, fault: Fault, now: float) -> Reply:
    after = str(int(fault.seconds))
    if fault.as_date:
        # Dates have whole seconds: one more, so that nobody is asked back too soon.
        after = formatdate(now + fault.seconds + 1.0, usegmt=True)
    headers = f"Content-Type: application/json\r\nRetry-After: {after}\r\n"
    return Reply(429, vendor.error(429), headers)
