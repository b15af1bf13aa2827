"""Rehearse a campaign: Twilio, SendGrid and FCM on loopback, for this installation.

    ./run.sh python -m segmind.channels.emulator [--plan mixed] [--noise mixed] [--seed N]

Prints the variables that make Segmind use it and writes them to FOLDER/segmind.env. Every message
that it accepts is in the acceptance log; deliveries, bounces, opens, clicks, unsubscriptions and
replies come back as signed webhooks. Ctrl-C ends it and prints what happened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shlex
import signal
import sys
from pathlib import Path

from segmind.channels.emulator import noise
from segmind.channels.emulator.acceptances import AcceptanceLog
from segmind.channels.emulator.faults import plan_of
from segmind.channels.emulator.identity import Identity, write_secret
from segmind.channels.emulator.reporting import Reporter
from segmind.channels.emulator.server import Emulator
from segmind.channels.fates import REHEARSAL_SPEED
from segmind.errors import SegmindError
from segmind.settings import ROOT


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m segmind.channels.emulator",
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8632, help="0: a free one")
    parser.add_argument("--plan", default="calm", help="calm, mixed, storm or a JSON file")
    parser.add_argument("--noise", default="orderly", choices=sorted(noise.NAMED))
    parser.add_argument("--seed", type=int, default=None, help="draws faults and fates")
    parser.add_argument(
        "--product", default="http://127.0.0.1:8631", help="Segmind's public address"
    )
    parser.add_argument("--silent", action="store_true", help="report nothing")
    parser.add_argument(
        "--speed", type=float, default=REHEARSAL_SPEED, help="of people, compared with life"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "emulator")
    parser.add_argument("--log", type=Path, default=None, help="file of the acceptance log")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead")
    return parser


async def serve(given: argparse.Namespace) -> None:
    """Run until interrupted."""
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    identity = Identity.kept(given.folder / "identity.json")
    reporter = None
    if not given.silent:
        reporter = Reporter(given.product, noise=noise.NAMED[given.noise], speed=given.speed)
    emulator = Emulator(
        seed=seed,
        plan=plan_of(given.plan),
        identity=identity,
        log=AcceptanceLog(given.log),
        reporter=reporter,
    )
    url = await emulator.start(given.host, given.port)
    account = given.folder / "service-account.json"
    write_secret(account, json.dumps(identity.service_account(url), indent=2))
    environment = identity.environment(url, str(account.resolve()))
    lines = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    write_secret(given.folder / "segmind.env", "\n".join(lines) + "\n")
    if given.json:
        _say(json.dumps({"url": url, "seed": seed, "environment": environment}))
    else:
        _greet(given, url, seed, lines)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    status = emulator.status()
    await emulator.stop()
    if not given.json:
        _say(json.dumps(status, indent=2))


def _greet(given: argparse.Namespace, url: str, seed: int, lines: list[str]) -> None:
    variables = given.folder / "segmind.env"
    _say(f"Twilio, SendGrid and FCM are emulated at {url} (plan {given.plan}, seed {seed}).")
    _say(f"Start Segmind with these variables:  set -a; . {variables}; set +a; ./run.sh\n")
    _say("\n".join(lines))
    where = given.log or f"{url}/emulator/accepted"
    _say(f"\nAccepted messages: {where} · figures: {url}/emulator · Ctrl-C ends it.")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command; returns the exit status."""
    try:
        asyncio.run(serve(arguments().parse_args()))
    except SegmindError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"The emulator cannot listen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
