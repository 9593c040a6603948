"""By when somebody must have answered: said once, here; the queue is ordered by it and every screen is told of it."""

from datetime import datetime, timedelta

# Seconds until somebody must have answered, by severity P1 … P4. P1: TSA's 97.5 % target; the others are our judgement.
RESPONSE_TARGETS = (60, 600, 8 * 3600, 24 * 3600)


def respond_by(severity: int, since: datetime) -> datetime:
    """When the response target of a severity, 1 … 4, ends that an alert has had `since`."""
    return since + timedelta(seconds=RESPONSE_TARGETS[severity - 1])
