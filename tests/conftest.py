"""One embedded PostgreSQL a test process, and a database of its own for each test, cloned from a migrated template."""

import os
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from store.migrations import migrate
from store.pool import Pool, open_pool
from tests.parts import broker, start_database  # noqa: F401 -- the first is a fixture

TEMPLATE = "shouwang_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failure")
    parser.addoption("--fault-seed", type=int, help="where the dice of the tests that break things start")
    parser.addoption("--away", type=float, default=600.0, help="how many seconds a part is away in the long run")
    parser.addoption("--minutes", type=int, default=30, help="how many minutes the long load takes")
    parser.addoption("--kills", type=int, default=100, help="how many kills the long run makes")
    parser.addoption("--pictures", metavar="DIR", type=Path, help="keep what the browser tests look at, as PNG files")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """In CI a test that did not run is told as what it is."""
    if config.getoption("--no-skips") and terminalreporter.getreports("skipped"):
        terminalreporter.write_line("skipped tests are failures here", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for a skipped test where that was asked."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure() -> None:
    """No setting of the machine that runs the tests may reach them."""
    for name in [n for n in os.environ if n.startswith(("SHOUWANG_", "PG", "PROMETHEUS_"))]:
        if name != "SHOUWANG_TEST_DATABASE_URL":
            del os.environ[name]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server where databases may be made: the embedded one, or the one that is named."""
    if external := os.environ.get("SHOUWANG_TEST_DATABASE_URL"):
        yield external
        return
    with start_database(tmp_path_factory.mktemp("database")) as url:
        yield url


def _admin(server_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(statement)


def database_of(server_url: str, name: str) -> str:
    """The server's URL with another database named."""
    return psycopg.conninfo.make_conninfo(server_url, dbname=name)


@contextmanager
def _template(server_url: str, *, extension: bool) -> Iterator[str]:
    import asyncio

    name = f"{TEMPLATE}_{secrets.token_hex(4)}"
    _admin(server_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    asyncio.run(migrate(database_of(server_url, name), extension=extension))
    # Nobody may be connected to what is cloned, and TimescaleDB's background workers would be.
    _admin(server_url, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
    _admin(
        server_url,
        sql.SQL("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}").format(name),
    )
    yield name
    _admin(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _clone(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(8)}"
    _admin(
        server_url,
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
    )
    yield database_of(server_url, name)
    _admin(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a migrated database to clone; its events are stored as the server can."""
    with _template(server_url, extension=True) as name:
        yield name


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database for this test alone."""
    with _clone(server_url, template) as url:
        yield url


@pytest.fixture(scope="session")
def native_template(server_url: str) -> Iterator[str]:
    """The same with native partitions, whatever the server can."""
    with _template(server_url, extension=False) as name:
        yield name


@pytest.fixture
async def native_pool(server_url: str, native_template: str) -> AsyncIterator[Pool]:
    """A pool on a database of this test alone, with native partitions."""
    with _clone(server_url, native_template) as url:
        async with open_pool(url, name="test") as opened:
            yield opened


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on this test's database."""
    async with open_pool(database_url, name="test") as opened:
        yield opened


@pytest.fixture(scope="module")
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Where and when things break. Shown with a failure: `--fault-seed N` gives the same again."""
    given = request.config.getoption("--fault-seed")
    seed = secrets.randbits(32) if given is None else int(given)
    print(f"dice: --fault-seed {seed}")  # noqa: T201 -- shown with a failure
    return random.Random(seed)  # noqa: S311 -- a choice of tests is no secret


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parent.parent
