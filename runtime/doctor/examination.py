"""All checks, one after another; what one cannot look at stops none of the others."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from runtime.doctor.certificates import certificates
from runtime.doctor.clock import clock
from runtime.doctor.disk import disk
from runtime.doctor.parts import parts
from runtime.doctor.patient import Need, Patient
from runtime.doctor.permissions import permissions
from runtime.doctor.records import chain, head, partitions, quarantine, tokens
from runtime.doctor.report import Checked
from runtime.doctor.versions import versions
from store.errors import StoreError

PATIENCE = 30.0
# Reading a year of a district's log; beyond that something hangs.
CHAIN_PATIENCE = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A check, what it needs, and the seconds it may take."""

    name: str
    look: Callable[[Patient, Checked], Awaitable[None]]
    needs: Need | None = None
    patience: float = PATIENCE


CHECKS = (
    Check(name="versions", look=versions),
    Check(name="parts", look=parts),
    Check(name="permissions", look=permissions, needs="data"),
    Check(name="disk", look=disk, needs="data"),
    Check(name="certificates", look=certificates),
    Check(name="head", look=head, needs="schema"),
    Check(name="partitions", look=partitions, needs="schema"),
    Check(name="quarantine", look=quarantine, needs="schema"),
    Check(name="tokens", look=tokens, needs="schema"),
    Check(name="clock", look=clock),
    Check(name="chain", look=chain, needs="schema", patience=CHAIN_PATIENCE),
)


async def examine(patient: Patient, *, begins: Callable[[str], None] = lambda _: None) -> list[Checked]:
    """Make every check; `begins` hears the name of each."""
    done = []
    for check in CHECKS:
        begins(check.name)
        done.append(await _made(check, patient))
    return done


async def _made(check: Check, patient: Patient) -> Checked:
    checked = Checked(name=check.name, skipped=patient.lacks(check.needs))
    if checked.skipped is None:
        try:
            async with asyncio.timeout(check.patience):
                await check.look(patient, checked)
        except StoreError as error:
            checked.find("database_lost", reason=str(error))
        except TimeoutError:
            checked.find("database_lost", reason=f"no answer within {check.patience:.0f} s")
    return checked


def document(done: list[Checked]) -> dict[str, Any]:
    """The whole examination as one JSON object."""
    checks = [{"check": c.name, "skipped": c.skipped, "failed": c.failed, "facts": c.facts} for c in done]
    findings = [
        {"check": f.check, "code": f.code, "level": f.level, "says": f.says, "remedy": f.remedy}
        for c in done
        for f in c.findings
    ]
    return {"fine": not any(c.failed for c in done), "findings": findings, "checks": checks}
