"""The embedded PostgreSQL: one cluster in the data directory, on a Unix socket, with a generated password."""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from runtime.accounts import DATABASE_USER, own, part_user, reaches
from runtime.child import Command
from runtime.errors import StartError
from runtime.layout import DataDir, private_dir, write_private
from runtime.orphans import end_users_of
from runtime.programs import POSTGRES, program, unreachable

log = logging.getLogger(__name__)

ROLE = DATABASE = "shouwang"
# sockaddr_un holds 107 bytes; the file is called .s.PGSQL.5432.
_LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.5432.lock")
_PROGRESS = re.compile(r"redo in progress, .*|syncing data directory .*|resetting unlogged relations .*")
_HBA = "local all all scram-sha-256\n"
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # An acknowledged event is on disk: these two are never off.
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    # Two cores: parallel plans would take from ingest, and small containers lack the shared memory for them.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A long crash recovery tells how far it is.
    "log_startup_progress_interval": "5s",
    # Statements and row values can hold names and health facts: the log gets neither.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


class Database:
    """An embedded cluster. `prepare` makes it, `command` runs it, `url` leads to its database."""

    name = "database"

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._user = part_user(DATABASE_USER)
        self._program = program(POSTGRES, user=self._user, data=data)
        self._cluster = data.database / "cluster"
        self._sockets = data.run / "database"

    @property
    def url(self) -> str:
        """The connection URL, with the generated password."""
        password = self._data.secret("database")
        return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(str(self._sockets), safe='')}"

    def prepare(self) -> None:
        """Make the cluster at the first start; clear away what a killed server left. Raises `StartError`."""
        private_dir(self._data.database, user=self._user)
        if not reaches(self._user, self._data.database):
            raise StartError(unreachable(self._data, self._user))
        if self._cluster.exists():
            self._check_version()
        else:
            self._initdb()
        self._sockets = self._socket_dir()
        self._clear()

    def command(self) -> Command:
        """How the server is run; SIGINT is its fast shutdown."""
        options = _OPTIONS | {"unix_socket_directories": str(self._sockets)}
        argv = [str(self._program), "-D", str(self._cluster)]
        for key, value in options.items():
            argv += ["-c", f"{key}={value}"]
        return Command(name=self.name, argv=tuple(argv), user=self._user, stop="SIGINT", piped=True)

    def on_line(self, line: str) -> str:
        """Take a line of the server's log and tell how far a recovery is."""
        if found := _PROGRESS.search(line):
            log.info("the database recovers from a crash", extra={"progress": found[0]})
        return line

    async def wait_ready(self) -> None:
        """Wait, however long a recovery takes, until the server answers and has our database."""
        admin = psycopg.conninfo.make_conninfo(self.url, dbname="postgres", connect_timeout=5)
        while not await _answers(admin):  # noqa: ASYNC110 -- another process becomes ready: there is no event to wait for
            await asyncio.sleep(0.05)
        await _create_database(admin)

    def _socket_dir(self) -> Path:
        if len(str(self._data.run / "database").encode()) <= _LONGEST_SOCKET_DIR:
            return private_dir(self._data.run / "database", user=self._user)
        note = self._data.run / "socket-dir"
        found = Path(note.read_text("utf-8")) if note.exists() else None
        # The same one after a restart: who is connected comes back to the address that he knows.
        if found is None or not self._is_ours(found):
            found = Path(tempfile.mkdtemp(prefix="shouwang-", dir="/tmp"))
            own(found, self._user)
            write_private(note, str(found))
        return found

    def _is_ours(self, folder: Path) -> bool:
        """Whether a folder in a public place is still ours alone, made anew where somebody tidied up."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            own(folder, self._user)
        state = folder.lstat()
        owner = self._user.uid if self._user else os.getuid()
        return stat.S_ISDIR(state.st_mode) and state.st_uid == owner and not state.st_mode & 0o077

    def close(self) -> None:
        """Remove a socket folder that lies outside of the data directory."""
        if self._sockets.parent != self._data.run:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _clear(self) -> None:
        # The directory is held by this `up`: a server that still runs on it is a leftover, and a pid
        # file names either that or, after a reboot, a stranger who happens to have its number.
        end_users_of(self._cluster, self._program)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self._sockets.glob(".s.PGSQL.*"):
            leftover.unlink()

    def _check_version(self) -> None:
        done = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 -- our own program
        ours = re.search(r"\d+", done.stdout)
        found = (self._cluster / "PG_VERSION").read_text("ascii").strip()
        if ours is None or ours[0] != found:
            raise StartError(
                f"the database in {self._data.path} was made by PostgreSQL {found}, this program brings "
                f"{ours[0] if ours else 'another'}: use the release that made it, or dump and load the data"
            )

    def _initdb(self) -> None:
        # Made aside and renamed, so that a start that is killed half way leaves no half cluster.
        draft, password = self._data.database / "draft", self._data.database / "password"
        shutil.rmtree(draft, ignore_errors=True)
        write_private(password, self._data.secret("database"), user=self._user)
        argv: list[str | Path] = [
            self._program.with_name("initdb"),
            "-D",
            draft,
            "-U",
            ROLE,
            "--pwfile",
            password,
            "--no-instructions",
        ]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        argv += ["--data-checksums"]
        try:
            done = subprocess.run(  # noqa: S603 -- our own program
                argv, **Command.identity(self._user), capture_output=True, text=True, check=False, cwd="/"
            )
        finally:
            password.unlink()
        if done.returncode:
            raise StartError(f"the database cannot be made in {self._data.path}: {done.stderr.strip()[-300:]}")
        write_private(draft / "pg_hba.conf", _HBA, user=self._user)
        draft.rename(self._cluster)


async def _answers(url: str) -> bool:
    try:
        conn = await psycopg.AsyncConnection.connect(url)
    except psycopg.OperationalError:
        return False
    await conn.close()
    return True


async def _create_database(admin: str) -> None:
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as conn:
        found = await (await conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])).fetchone()
        if found is None:
            await conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
