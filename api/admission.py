"""Waiting until the broker knows what changed of devices' credentials."""

import logging

from api.service import Service
from devices.credentials import wait_applied

log = logging.getLogger(__name__)

APPLIED_WITHIN = 5.0  # seconds


async def broker_knows(service: Service, version: int) -> None:
    """Return once the broker has taken up a version, or with a warning when it does not in time.

    It is in force as soon as the broker runs again.
    """
    managed = service.settings.broker_managed
    if managed and not await wait_applied(service.pool, version, timeout=APPLIED_WITHIN):
        log.warning("the broker has not taken up changed credentials in time", extra={"version": version})
