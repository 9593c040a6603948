"""The parts: does each run, does it answer, is it ready? Asked directly, not of `up`."""

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import closing, suppress
from datetime import UTC, datetime

import psutil

from api.parts import NEEDED, SILENT_AFTER, WATCH, read_parts
from ingest.address import BrokerAddress
from runtime.doctor.patient import Patient
from runtime.doctor.report import Checked
from runtime.layout import DataDir
from runtime.orphans import remembered
from runtime.pulse import Pulse

API_SECONDS = 6.0
SILENT = "it does not answer"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def parts(patient: Patient, checked: Checked) -> None:
    """Find what does not run, then what runs and does not answer, then what answers and is not ready."""
    down = _processes(patient, checked)
    if patient.away and "database" not in down and (patient.running or patient.settings.database_url):
        checked.find("database_away", reason=patient.away)
    broker = patient.mqtt_url if "broker" not in down else None
    api = patient.running.http_url if patient.running and "api" not in down else None
    # Both at once: each may take seconds to say nothing.
    beats, reason = await asyncio.gather(_beats(broker, patient), _unready(api))
    checked.facts |= {"broker_answers": beats, "api_answers": None if api is None else reason != SILENT}
    if broker and beats is False:
        checked.find("broker_silent", address=_where(broker))
    if patient.lacks("schema") is None:
        await _said(patient, checked, down)
    if reason == SILENT:
        checked.find("api_silent", address=api)
    elif reason and not checked.failed:
        checked.find("api_not_ready", reason=reason)


def _processes(patient: Patient, checked: Checked) -> set[str]:
    """Find the processes of an `up`; return the parts that do not run."""
    if patient.data is None or (patient.running is None and patient.settings.database_url is not None):
        return set()
    alive, holder = remembered(patient.data), up_of(patient.data)
    checked.facts["processes"] = {"up": holder, **{name: process.pid for name, process in alive.items()}}
    if holder is None and alive:
        checked.find("up_gone", parts=", ".join(sorted(alive)), data=patient.data.path)
    elif holder is None:
        checked.find("nothing_runs", data=patient.data.path)
        return {"database", "broker", "ingest", "api", "watch"}
    expected = {
        "ingest": True,
        "api": True,
        "watch": True,
        "broker": patient.broker_managed,
        "database": patient.database_managed,
    }
    down = {name for name, wanted in expected.items() if wanted and name not in alive}
    for name in sorted(down):
        log = patient.data.log / f"{name}.log" if name in ("database", "broker") else "the log of `up`"
        checked.find("part_down", part=name, log=log)
    return down


def up_of(data: DataDir) -> int | None:
    """The process id of the `up` that holds the directory, found without touching its lock."""
    lock = data.run / "lock"
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(lock.read_text("ascii")))
        # A number that somebody else has got by now has not this file open.
        if any(file.path == str(lock) for file in process.open_files()):
            return process.pid
    return None


def _where(url: str) -> str:
    address = BrokerAddress.parse(url)
    return f"{address.host}:{address.port}"


async def _beats(url: str | None, patient: Patient) -> bool | None:
    """Whether the broker answers; None where nobody can be asked."""
    if url is None:
        return None
    address = BrokerAddress.parse(url, ca_file=patient.settings.mqtt_ca_file)
    try:
        tls = address.tls_context() if address.tls else None
    except OSError:
        return None  # told by the check of certificates
    with closing(Pulse(url, tls=tls)) as pulse:
        return await pulse.beats()


async def _said(patient: Patient, checked: Checked, down: set[str]) -> None:
    """Take what the parts say of themselves; of the broker, who was asked directly, it says nothing new."""
    assert patient.conn is not None  # noqa: S101 -- the caller has asked for the schema
    said = await read_parts(patient.conn, _LONG_AGO)
    checked.facts["said"] = {name: {"ok": p.ok, "age_seconds": _rounded(p.age)} for name, p in sorted(said.items())}
    for name in sorted({*NEEDED, *({WATCH} & said.keys())} - {"broker"} - down):
        if not said[name].ok:
            checked.find("part_not_ready", part=name, reason=said[name].reason)
    checked.facts["silent_after_seconds"] = SILENT_AFTER


def _rounded(age: float | None) -> float | None:
    return None if age is None else round(age, 1)


async def _unready(url: str | None) -> str | None:
    """Why /readyz says no, `SILENT` where nobody answers; None where it says yes or nobody can be asked."""
    if url is None:
        return None
    try:
        return await asyncio.to_thread(_asked, f"{url}/readyz")
    except (OSError, ValueError):
        return SILENT


def _asked(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=API_SECONDS):  # noqa: S310 -- the address that `up` has published
            return None
    except urllib.error.HTTPError as error:
        with error:
            return str(json.load(error).get("detail", error.code))
