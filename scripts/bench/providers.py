"""Messages handed to providers per second, by the product's own providers and by the vendors' SDKs.

    ./run.sh python scripts/bench/providers.py [--messages 20000]

The emulator runs as a process of its own on the same cores. Prints, for each provider: messages a
second, processor seconds of this process per 1,000 messages, and the same for bare loops over the
vendor's SDK, which render, claim and write nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from google.oauth2 import service_account
from pyfcm import FCMNotification
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from segmind.channels import registry
from segmind.channels.channel import Channel
from segmind.channels.content import EmailContent, PushContent, Slots, SmsContent
from segmind.channels.emulator.running import emulating_apart
from segmind.channels.outcome import Accepted
from segmind.channels.provider import Parcel, Provider
from segmind.settings import from_environment

T = TypeVar("T")
HTML = "<html><body>" + "<p>The same paragraph for everybody.</p>" * 300
PIECES = (HTML, " and ", "</body></html>")
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000, help="SMS and pushes")
    parser.add_argument("--emails", type=int, default=100_000)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        emulating_apart(Path(folder), ["--silent", "--seed", "1"]) as emulator,
    ):
        own = {"SEGMIND_SECRET_KEY": "k" * 40, "SEGMIND_HOME": folder}
        found = registry.build(from_environment({**emulator.environment, **own}))
        for channel, n in (
            (Channel.SMS, given.messages),
            (Channel.PUSH, given.messages),
            (Channel.EMAIL, given.emails),
        ):
            parcels = [_parcel(channel, i) for i in range(n)]
            ours = _measured(lambda p=parcels, c=channel: _handed(found.for_channel(c), p))
            bare = _measured(lambda c=channel, m=n // 10: BARE[c](emulator.environment, m))
            print(f"{channel:6} {_told('Segmind', ours)} · {_told('bare SDK', bare)}"
                      f" · ratio {ours[0] / bare[0]:.1f}")  # fmt: skip
        print("accepted", emulator.status()["accepted"])
    return 0


def _batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    rest = iter(items)
    while chunk := tuple(itertools.islice(rest, size)):
        yield chunk


def _told(name: str, measured: tuple[float, float]) -> str:
    return f"{name} {measured[0]:8,.0f}/s, {measured[1]:6.2f} CPU s per 1,000"


def _measured(work: Callable[[], int]) -> tuple[float, float]:
    """Messages a second, and this process's processor seconds per 1,000."""
    began, used = time.perf_counter(), _cpu()
    n = work()
    return n / (time.perf_counter() - began), (_cpu() - used) / n * 1000


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _parcel(channel: Channel, i: int) -> Parcel:
    match channel:
        case Channel.SMS:
            return Parcel(uuid.uuid4(), f"+4915{i:08d}", SmsContent(f"Hello {i}, your cart waits."))
        case Channel.PUSH:
            return Parcel(uuid.uuid4(), f"device-{i}", PushContent("Hello", f"Number {i}"))
        case Channel.EMAIL:
            slots = Slots(PIECES, (f"Name {i}", f"https://s.example/{i}"))
            content = EmailContent(f"Hello {i}", "", slots, "Hello")
            return Parcel(uuid.uuid4(), f"c{i}@example.com", content)


def _handed(provider: Provider, parcels: list[Parcel]) -> int:
    """Two dispatchers side by side, batch after batch."""
    batches = _batched(parcels, provider.batch_size)
    with ThreadPoolExecutor(2) as threads:
        outcomes = [o for made in threads.map(provider.send, batches) for o in made]
    assert all(isinstance(o, Accepted) for o in outcomes), set(map(type, outcomes))
    return len(outcomes)


def _bare_twilio(environment: dict[str, str], n: int) -> int:
    async def run() -> None:
        client = Client(
            environment["SEGMIND_TWILIO_ACCOUNT_SID"],
            environment["SEGMIND_TWILIO_AUTH_TOKEN"],
            http_client=AsyncTwilioHttpClient(),
        )
        client.api.base_url = environment["SEGMIND_TWILIO_BASE_URL"]
        numbers = iter(range(n))

        async def work() -> None:
            for i in numbers:
                await client.messages.create_async(
                    to=f"+4915{i:08d}", from_="+15005550006", body=f"Hello {i}, your cart waits."
                )

        await asyncio.gather(*(work() for _ in range(50)))
        await client.http_client.close()

    asyncio.run(run())
    return n


def _bare_fcm(environment: dict[str, str], n: int) -> int:
    account = json.loads(Path(environment["SEGMIND_FCM_SERVICE_ACCOUNT"]).read_text())
    credentials = service_account.Credentials.from_service_account_info(account, scopes=[_SCOPE])
    push = FCMNotification(credentials=credentials, project_id=account["project_id"])
    push._fcm_end_point = (
        f"{environment['SEGMIND_FCM_BASE_URL']}/v1/projects/{account['project_id']}/messages:send"
    )
    push.notify(fcm_token="first", notification_title="x", notification_body="x")  # noqa: S106
    with ThreadPoolExecutor(25) as threads:
        list(
            threads.map(
                lambda i: push.notify(
                    fcm_token=f"device-{i}", notification_title="Hello", notification_body=f"{i}"
                ),
                range(n),
            )
        )
    return n


def _bare_sendgrid(environment: dict[str, str], n: int) -> int:
    client = SendGridAPIClient(
        environment["SEGMIND_SENDGRID_API_KEY"], host=environment["SEGMIND_SENDGRID_BASE_URL"]
    )
    for chunk in _batched(range(n), 500):
        people = [
            {
                "to": [{"email": f"c{i}@example.com"}],
                "subject": f"Hello {i}",
                "substitutions": {"-name-": f"Name {i}", "-link-": f"https://s.example/{i}"},
                "custom_args": {"m": str(uuid.uuid4())},
            }
            for i in chunk
        ]
        client.send(
            {
                "from": {"email": environment["SEGMIND_SENDGRID_FROM"]},
                "personalizations": people,
                "content": [
                    {"type": "text/plain", "value": "Hello"},
                    {"type": "text/html", "value": HTML + "-name- and -link-</body></html>"},
                ],
            }
        )
    return n


def _bare_sendgrid_one_by_one(environment: dict[str, str], n: int) -> int:
    """As SendGrid's manual shows it."""
    client = SendGridAPIClient(
        environment["SEGMIND_SENDGRID_API_KEY"], host=environment["SEGMIND_SENDGRID_BASE_URL"]
    )
    for i in range(n):
        mail = Mail(
            from_email=environment["SEGMIND_SENDGRID_FROM"],
            to_emails=f"c{i}@example.com",
            subject=f"Hello {i}",
            plain_text_content="Hello",
            html_content=f"{HTML}Name {i} and https://s.example/{i}</body></html>",
        )
        client.send(mail)
    return n


@dataclass(frozen=True, slots=True)
class Bare:
    """A loop over a vendor's SDK, and how many messages it takes to tell its rate."""

    hand_over: Callable[[dict[str, str], int], int]
    messages: int


#: By channel: loops over the vendor's SDK, by how they do it.
BARE: dict[Channel, dict[str, Bare]] = {
    Channel.SMS: {"SDK, 50 at a time": Bare(_bare_twilio, 4_000)},
    Channel.PUSH: {"SDK, 25 threads": Bare(_bare_fcm, 2_000)},
    Channel.EMAIL: {
        "SDK, 500 people a request": Bare(_bare_sendgrid, 40_000),
        "SDK, a request for each": Bare(_bare_sendgrid_one_by_one, 1_000),
    },
}

if __name__ == "__main__":
    raise SystemExit(main())
