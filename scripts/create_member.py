"""Add a member at the machine itself; the way in for the first owner of a networked workspace.

Usage: create_member.py EMAIL [--name NAME] [--role owner|admin|marketer|analyst|viewer]

Asks for the password; with --password-stdin it is the first line of the standard input.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from segmind import clock
from segmind.db.engine import open_store
from segmind.db.migrate import upgrade
from segmind.errors import SegmindError
from segmind.settings import from_environment
from segmind.workspace import members
from segmind.workspace.permissions import Role


def main(arguments: list[str] | None = None) -> int:
    """0: added; 1: refused, the reason is on the standard error."""
    parser = argparse.ArgumentParser(description="Add a member to the workspace.")
    parser.add_argument("email")
    parser.add_argument("--name", default="")
    parser.add_argument("--role", default=Role.OWNER.value, choices=[role.value for role in Role])
    parser.add_argument("--password-stdin", action="store_true")
    options = parser.parse_args(arguments)
    try:
        password = _password(from_stdin=options.password_stdin)
        store = open_store(from_environment(), wait=10)
        upgrade(store.engine)
        with store.engine.begin() as conn:
            added = members.create(
                conn,
                email=options.email,
                name=options.name,
                role=options.role,
                password=password,
                actor="script",
                now=clock.wall(),
            )
    except SegmindError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{added.email} is {added.role} now. From now on everybody has to sign in.")
    return 0


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise SegmindError("The two passwords differ.")
    return password


if __name__ == "__main__":
    sys.exit(main())
