"""A backup is a dump of the database at one moment, by PostgreSQL's own programs; everything else is made anew.

Decision 0019 tells why nothing else need be kept.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runtime.database import Database
from runtime.errors import StartError, WrongUse
from runtime.layout import DataDir, held, open_data_dir
from runtime.programs import beside_postgres
from runtime.supervisor import Keeper
from store.migrations import known, pending
from store.pool import connect

# A dump holds names, addresses and what is known of people's health: it is the owner's alone.
OWNERS_ALONE = 0o600
PATIENCE = 8.0
TOLD = 300


def back_up(database_url: str, file: Path) -> None:
    """Write a dump of the database, taken while everything goes on; the file is there once it is whole.

    Raises `StartError` where the dump fails, `WrongUse` where the file is there already or cannot be written.
    """
    if file.exists():
        raise WrongUse(f"{file} is there already: name another file")
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_ALONE))
        _run("pg_dump", database_url, "--format=custom", "--no-owner", "--no-privileges", f"--file={draft}")
        _flush(draft)
        draft.rename(file)
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def restore(file: Path, target: Path) -> None:
    """Make a data directory of a backup, for `up` to start on; it is there once it is whole.

    Raises `WrongUse` where the target is in use or the file cannot be read, `StartError` or `WrongVersion` where it
    is no backup that this program can take.
    """
    target = Path(os.path.realpath(target.expanduser()))
    _check(file, target)
    draft = target.with_name(f".{target.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        data = open_data_dir(draft)
        with held(data):
            asyncio.run(_into(data, file))
        # An empty directory gives way to the one that takes its name.
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check(file: Path, target: Path) -> None:
    try:
        with file.open("rb"):
            pass
        if target.exists() and any(target.iterdir()):
            raise WrongUse(f"{target} is not empty: name a new directory with --data")
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUse(f"{error.filename} cannot be used: {error.strerror}") from error


async def _into(data: DataDir, file: Path) -> None:
    database = Database(data)
    log = data.log / f"{database.name}.log"
    keeper = Keeper(database, environment={}, patience=PATIENCE, changed=lambda: None, log_file=log)
    try:
        await keeper.start()
        # All of it or nothing, and the first error ends it.
        await asyncio.to_thread(_run, "pg_restore", database.url, "--single-transaction", "--no-owner", str(file))
        await _check_schema(database.url)
    finally:
        await keeper.stop()
        database.close()


async def _check_schema(url: str) -> None:
    """Raises `WrongVersion` for a newer program's."""
    async with await connect(url, name="restore") as conn:
        if len(await pending(conn)) == len(known()):
            raise StartError("this is the backup of another program: it holds none of ours")


def _run(name: str, database_url: str, *options: str) -> None:
    """Run one of PostgreSQL's programs on a database; its password is on no command line. Raises `StartError`."""
    given = conninfo_to_dict(database_url)
    environment = {**os.environ, "PGPASSWORD": str(given.pop("password", ""))}
    argv = [str(beside_postgres(name)), f"--dbname={make_conninfo('', **given)}", "--no-password", *options]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 -- named above
    if done.returncode:
        raise StartError(f"{name} failed: {done.stderr.strip()[-TOLD:]}")


def _flush(path: Path) -> None:
    with path.open("rb+") as written:
        os.fsync(written.fileno())
