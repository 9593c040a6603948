"""What a notice says. Codes, kinds and times: never a name, a number to call, an address or a health fact."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from math import ceil
from typing import Any

LANGUAGES = ("zh", "en")
MOST_LISTED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """`urgent` says that a person may be in danger."""

    title: str
    body: str
    urgent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """An emergency as a notice tells it."""

    site: str
    device: str
    type: str
    at: datetime

    def __post_init__(self) -> None:
        _aware(self.at)


def heard(calls: Sequence[Call]) -> Notice:
    """Emergencies that are not in the database."""
    body = [_said("heard", "body", language) + "\n" + _list(calls, language) for language in LANGUAGES]
    return Notice(title=_both("heard", "title", n=len(calls)), body="\n\n".join(body), urgent=True)


def recorded() -> Notice:
    """All that was told as not recorded is recorded now."""
    return Notice(title=_both("recorded", "title"), body=_both("recorded", "body", between="\n"))


def stalled(part: str, *, since: datetime) -> Notice:
    return _of_part("stalled", part, since=since)


def still_stalled(part: str, *, since: datetime, now: datetime) -> Notice:
    return _of_part("still", part, since=since, minutes=_minutes(since, now))


def ended(part: str, *, since: datetime, now: datetime) -> Notice:
    return _of_part("ended", part, since=since, minutes=_minutes(since, now))


def _of_part(section: str, part: str, *, since: datetime, **values: object) -> Notice:
    _aware(since)
    told = {"since": _time(since), **values}
    titles = [_said(section, "title", language, part=_said("part", part, language)) for language in LANGUAGES]
    bodies = [_said(section, "body", language, part=_said("part", part, language), **told) for language in LANGUAGES]
    return Notice(title=" ".join(titles), body="\n".join(bodies))


def _list(calls: Sequence[Call], language: str) -> str:
    lines = [
        _said(
            "heard",
            "line",
            language,
            at=_time(call.at),
            site=call.site,
            device=call.device,
            what=_said("what", call.type, language),
        )
        for call in calls[:MOST_LISTED]
    ]
    if more := len(calls) - len(lines):
        lines.append(_said("heard", "more", language, n=more))
    return "\n".join(lines)


def _both(section: str, name: str, *, between: str = " ", **values: object) -> str:
    return between.join(_said(section, name, language, **values) for language in LANGUAGES)


def _said(section: str, name: str, language: str, **values: object) -> str:
    text: str = texts()[section][name][language]
    return text.format(**values)


@cache
def texts() -> Mapping[str, Any]:
    """The catalogue, by section, name and language."""
    return tomllib.loads(files("alerts.notices").joinpath("texts.toml").read_text("utf-8"))


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _minutes(since: datetime, now: datetime) -> int:
    _aware(now)
    return ceil((now - since).total_seconds() / 60)


def _aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError("a notice's time needs an offset")
