"""Certificates and their ends; connections that cross a network without TLS."""

import asyncio
import re
import ssl
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ingest.address import BrokerAddress
from runtime.doctor.patient import Patient
from runtime.doctor.report import Checked
from runtime.layout import DataDir

SOON = 30 * 86_400.0  # seconds
HANDSHAKE_SECONDS = 5.0
_LISTEN = re.compile(r'mqtt \{ listen: "([^"]+)"')


async def certificates(patient: Patient, checked: Checked, *, now: float | None = None) -> None:
    """Find certificates that have ended or soon will, and plain connections to elsewhere."""
    now = time.time() if now is None else now
    ca_file = patient.settings.mqtt_ca_file
    usable = ca_file is None or _authorities(ca_file, now, checked)
    if patient.settings.mqtt_url is not None:
        await _broker(BrokerAddress.parse(str(patient.mqtt_url), ca_file=ca_file), checked, now, usable=usable)
    elif patient.data is not None:
        _embedded(patient.data, checked)
    _database(patient, checked)


def _authorities(path: Path, now: float, checked: Checked) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except OSError as error:  # an SSLError is one as well
        checked.find("ca_unusable", path=path, reason=error.strerror or "no certificates in PEM")
        return False
    for certificate in context.get_ca_certs():
        _ending(certificate, f"in {path}", now, checked)
    return True


def _ending(certificate: dict[str, Any], whose: str, now: float, checked: Checked) -> None:
    ends = ssl.cert_time_to_seconds(certificate["notAfter"])
    when = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    checked.facts.setdefault("ends", {})[whose] = when
    if ends - now < SOON:
        checked.find("certificate_expires", whose=whose, when=when)


async def _broker(address: BrokerAddress, checked: Checked, now: float, *, usable: bool) -> None:
    where = f"{address.host}:{address.port}"
    if not address.tls:
        if not is_local(address.host):
            checked.find("broker_plain", address=where)
        return
    if not usable:
        return
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=address.tls_context())
    except ssl.SSLCertVerificationError as error:
        checked.find("certificate_refused", reason=error.verify_message)
        return
    except (OSError, TimeoutError):
        checked.facts["broker"] = "does not answer"
        return
    certificate = writer.get_extra_info("peercert")
    writer.close()
    _ending(certificate, f"of the broker at {where}", now, checked)


def _embedded(data: DataDir, checked: Checked) -> None:
    """Read what the broker was last started with; it speaks no TLS."""
    try:
        found = _LISTEN.search((data.broker / "broker.conf").read_text("utf-8"))
    except OSError:
        return
    if found is None:
        return
    checked.facts["embedded_broker"] = found[1]
    if not is_local(found[1].rpartition(":")[0]):
        checked.find("embedded_plain", address=found[1])


def _database(patient: Patient, checked: Checked) -> None:
    if patient.conn is None:
        return
    host, encrypted = patient.conn.info.host, bool(patient.conn.pgconn.ssl_in_use)
    checked.facts["database_tls"] = encrypted
    if not encrypted and not host.startswith("/") and not is_local(host):
        checked.find("database_plain", address=f"{host}:{patient.conn.info.port}")


def is_local(host: str) -> bool:
    """Whether only this machine is meant."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
