"""The doctor's checks that need no running part: files, clocks, disks, certificates, and its texts."""

import os
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.broker_config import server_config
from runtime.commands.doctor import doctor
from runtime.doctor import certificates, clock, disk, permissions
from runtime.doctor.disk import Least
from runtime.doctor.parts import parts, up_of
from runtime.doctor.patient import Patient, Reading
from runtime.doctor.permissions import Owners
from runtime.doctor.report import Checked, texts
from runtime.doctor.versions import versions
from runtime.errors import WrongUse
from runtime.layout import DataDir, held, private_dir, write_private
from runtime.orphans import remember
from runtime.settings import load
from tests.parts import data_dir

CERTIFICATES = Path(__file__).parents[1] / "certificates"
DAY = 86_400.0


def codes(checked: Checked) -> list[str]:
    return [finding.code for finding in checked.findings]


def patient(**more: object) -> Patient:
    """Somebody of whom nothing is known but what is given."""
    nobody = Patient(
        settings=load({}, environment={}), data=None, running=None, conn=None, began=Reading(wall=0, monotonic=0)
    )
    return replace(nobody, **more)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def data() -> Iterator[DataDir]:
    """A directory with the files of every part, owned by us alone."""
    with data_dir() as made:
        made.secret("database")
        for folder in (made.database, made.broker, made.metrics):
            private_dir(folder)
        private_dir(made.database / "cluster")
        write_private(made.broker / "users.conf", "users: []")
        write_private(made.parts_file, "{}")
        yield made


def looked(data: DataDir, owners: Owners | None = None) -> Checked:
    checked, me = Checked(name="permissions"), os.geteuid()
    permissions.look(data, owners or Owners(data=me, database=me, broker=me), checked)
    return checked


def test_private_files_are_fine(data: DataDir) -> None:
    """What `up` makes is as the doctor wants it."""
    assert codes(looked(data)) == []
    assert looked(data).facts["paths"] >= 9


@pytest.mark.parametrize(
    ("path", "mode", "fix"),
    [
        ("secrets/database", 0o644, "0600"),
        ("secrets", 0o755, "0700"),
        ("broker/users.conf", 0o640, "0600"),
        ("run/parts.json", 0o604, "0600"),
        ("run", 0o755, "0711"),
        ("database", 0o750, "0700"),
        ("database/cluster", 0o755, "0750"),
        (".", 0o777, "0755"),
    ],
)
def test_an_open_file_is_named_with_its_remedy(data: DataDir, path: str, mode: int, fix: str) -> None:
    """The path, the mode it has, and the command that mends it."""
    (data.path / path).chmod(mode)
    checked = looked(data)
    assert codes(checked) == ["mode_open"]
    assert f"{data.path / path} is open to other users (mode {mode:04o})" in checked.findings[0].says
    assert f"chmod {fix} {data.path / path};" in checked.findings[0].remedy


def test_a_strange_owner_is_named(data: DataDir) -> None:
    """The users file belongs to the broker's user and to nobody else."""
    me = os.geteuid()
    checked = looked(data, Owners(data=me, database=me, broker=me + 4321))
    assert set(codes(checked)) == {"owner_wrong"}
    assert any("users.conf belongs to" in finding.says for finding in checked.findings)


async def test_a_settings_file_with_a_password(tmp_path: Path) -> None:
    """A file that holds the database's URL is for its owner alone; one without secrets may be read."""
    file = tmp_path / "shouwang.toml"
    file.write_text('database_url = "postgresql://u:p@h/n"\n')
    file.chmod(0o644)
    checked = Checked(name="permissions")
    await permissions.permissions(patient(config=file), checked)
    assert codes(checked) == ["config_open"]
    file.write_text("http_port = 8421\n")
    checked = Checked(name="permissions")
    await permissions.permissions(patient(config=file), checked)
    assert codes(checked) == []


def read(wall: float, monotonic: float, database: float | None = None, slack: float = 0.001) -> Reading:
    return Reading(wall=wall, monotonic=monotonic, database=database, slack=slack)


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (read(100.0, 10.0, 100.2), read(101.0, 11.0, 101.2), []),
        (read(100.0, 10.0, 100.9), read(101.0, 11.0, 101.9), ["clock_offset"]),
        (read(100.0, 10.0, 100.8, 0.4), read(101.0, 11.0, 101.8, 0.4), []),
        (read(100.0, 10.0, 99.5), read(100.5, 11.0, 100.5), ["clock_stepped"]),
        (read(100.0, 10.0, 100.0), read(101.0, 11.0, 101.3), ["clock_stepped"]),
        (read(100.0, 10.0), read(101.0, 11.0), []),
    ],
)
def test_clocks_that_disagree(first: Reading, last: Reading, found: list[str]) -> None:
    """Two machines apart, or a clock that jumped; not what the way to the database explains."""
    checked = Checked(name="clock")
    clock.compare(first, last, checked)
    assert codes(checked) == found


async def test_the_kernel_is_asked_about_time() -> None:
    """Whether a time service keeps the clock is a note: on a virtual machine its host may do so."""
    checked = Checked(name="clock")
    await clock.clock(patient(began=read(time.time(), time.monotonic())), checked)
    assert not checked.failed
    assert checked.facts["synchronised"] in (True, False, None)
    assert codes(checked) == (["clock_free"] if checked.facts["synchronised"] is False else [])


@pytest.mark.parametrize(
    ("least", "found"),
    [
        (Least(always=0, enough=0, inodes=0), []),
        (Least(always=1 << 60, enough=0, inodes=0), ["disk_low"]),
        (Least(always=0, enough=1 << 60, share=1.0, inodes=0), ["disk_low"]),
        (Least(always=0, enough=0, inodes=1.1), ["inodes_low"]),
    ],
)
def test_a_full_disk(tmp_path: Path, least: Least, found: list[str]) -> None:
    """Each file system is measured once, against what is too little."""
    (tmp_path / "inner").mkdir()
    checked = Checked(name="disk")
    disk.look([tmp_path, tmp_path / "inner", tmp_path / "missing"], checked, least)
    assert codes(checked) == found
    assert list(checked.facts) == [str(tmp_path)]


def ca_patient(path: Path) -> Patient:
    return patient(settings=load({"mqtt_ca_file": path}, environment={}))


async def test_an_authority_that_ends(tmp_path: Path) -> None:
    """A month before its end it is named, with the day."""
    path = CERTIFICATES / "ca.pem"
    context = ssl.create_default_context(cafile=path)
    ends = ssl.cert_time_to_seconds(str(context.get_ca_certs()[0]["notAfter"]))
    for days, found in ((60, []), (20, ["certificate_expires"]), (-1, ["certificate_expires"])):
        checked = Checked(name="certificates")
        await certificates.certificates(ca_patient(path), checked, now=ends - days * DAY)
        assert codes(checked) == found, days
    for broken in (tmp_path / "missing.pem", CERTIFICATES / "README.md"):
        checked = Checked(name="certificates")
        await certificates.certificates(ca_patient(broken), checked)
        assert codes(checked) == ["ca_unusable"]
        assert str(broken) in checked.findings[0].says


@pytest.mark.parametrize(
    ("listen", "found"),
    [
        ("127.0.0.1:1883", []),
        ("::1:1883", []),
        ("0.0.0.0:1883", ["embedded_plain"]),
        ("10.0.0.5:1883", ["embedded_plain"]),
    ],
)
async def test_an_embedded_broker_on_a_network(data: DataDir, listen: str, found: list[str]) -> None:
    """It speaks no TLS, so beyond this machine its passwords can be read."""
    host, _, port = listen.rpartition(":")
    write_private(
        data.broker / "broker.conf", server_config(host=host, port=int(port), store="/x", sync_interval="always")
    )
    checked = Checked(name="certificates")
    await certificates.certificates(patient(data=data), checked)
    assert codes(checked) == found


async def test_a_broker_elsewhere_without_tls() -> None:
    """A broker of one's own beyond this machine is spoken to with TLS or named."""
    checked = Checked(name="certificates")
    settings = load({"mqtt_url": "mqtt://ingest:secret@broker.example:1883"}, environment={})
    await certificates.certificates(patient(settings=settings), checked)
    assert codes(checked) == ["broker_plain"]
    assert "secret" not in checked.findings[0].says


async def test_a_cluster_of_another_version(data: DataDir) -> None:
    """The files tell which PostgreSQL made them, also while nothing runs."""
    (data.database / "cluster" / "PG_VERSION").write_text("15\n")
    checked = Checked(name="versions")
    await versions(patient(data=data), checked)
    assert codes(checked) == ["cluster_version"]


@pytest.fixture
def left(data: DataDir) -> Iterator[int]:
    """A process that a killed `up` would have left, written down as its ingest."""
    with subprocess.Popen(["sleep", "60"]) as process:
        remember(data, [("ingest", process.pid)])
        yield process.pid
        process.kill()


async def test_nothing_runs(data: DataDir) -> None:
    """Where nothing runs, that is told alone."""
    checked = Checked(name="parts")
    await parts(patient(data=data), checked)
    assert codes(checked) == ["nothing_runs"]


async def test_up_is_gone(data: DataDir, left: int) -> None:
    """Parts that a killed `up` left behind are told as such."""
    checked = Checked(name="parts")
    await parts(patient(data=data), checked)
    assert checked.facts["processes"] == {"up": None, "ingest": left}
    assert codes(checked) == ["up_gone", "part_down", "part_down"]
    assert checked.findings[0].says.startswith("`shouwang up` is gone, but ingest still run")


def test_an_up_is_known_by_its_lock(data: DataDir) -> None:
    """The lock is looked at, not taken; a number that somebody else has got by now is nobody."""
    with held(data):
        assert up_of(data) == os.getpid()
    assert (data.run / "lock").read_text("ascii") == str(os.getpid())
    assert up_of(data) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data": Path("/nowhere")}, "/nowhere is no data directory of Shouwang"),
        ({"database_url": "mysql://x"}, "database_url: a database's URL"),
        ({"database_url": "postgresql://x", "mqtt_url": "mqtt://"}, "mqtt_url: a broker's URL"),
    ],
)
def test_wrong_use(options: dict[str, Any], said: str) -> None:
    """What cannot be examined is named before anything is looked at."""
    with pytest.raises(WrongUse, match=said):
        doctor(**options)


def test_every_text_is_used_and_every_finding_has_one(project: Path) -> None:
    """The catalogue and the checks name the same codes; each text is a sentence with a remedy."""
    sources = "".join(file.read_text("utf-8") for file in (project / "runtime" / "doctor").glob("*.py"))
    assert set(re.findall(r'\.find\(\s*"([a-z_]+)"', sources)) == set(texts())
    for code, text in texts().items():
        assert text.says[0].isupper() or text.says[0] in "{`", code
        assert text.says.endswith((".", "{reason}")), code
        assert len(text.remedy) > 15, code
