"""Versions: of the program, Python, PostgreSQL, the embedded parts; and whether the schema is this program's."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from runtime.doctor.patient import Patient
from runtime.doctor.report import Checked
from runtime.layout import DataDir
from runtime.programs import NATS, POSTGRES

UNKNOWN = "unknown"


async def versions(patient: Patient, checked: Checked) -> None:
    """Name the versions; find a server, a cluster or a schema that this program cannot use."""
    checked.facts |= {
        "shouwang": installed("shouwang"),
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "postgresql": _server(patient),
        "broker": f"nats-server {installed(NATS.name)}" if patient.broker_managed else "not ours",
        "schema": _schema(patient, checked),
    }
    if patient.too_old:
        checked.find("postgres_too_old", reason=patient.too_old)
    if patient.data is not None:
        _cluster(patient.data, checked)


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN


def _server(patient: Patient) -> str:
    if patient.conn is None:
        return UNKNOWN
    number = patient.conn.info.server_version
    return f"{number // 10000}.{number % 10000}"


def _schema(patient: Patient, checked: Checked) -> str:
    if patient.conn is None:
        return UNKNOWN
    if patient.outdated:
        checked.find("schema_differs", reason=patient.outdated)
        return "another"
    if patient.missing:
        checked.find("schema_behind", count=len(patient.missing), first=patient.missing[0])
        return "behind"
    return "this program's"


def _cluster(data: DataDir, checked: Checked) -> None:
    """Compare the files with the program that would serve them; it need not run for that."""
    try:
        found = (data.database / "cluster" / "PG_VERSION").read_text("ascii").strip()
    except OSError:
        return
    ours = installed(POSTGRES.name).partition(".")[0]
    if ours not in (found, UNKNOWN):
        checked.find("cluster_version", found=found, ours=ours)
