"""The page of metrics: named as Prometheus asks, with help, about the watch and not about people."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

import alerts.notices.metrics  # noqa: F401 -- what the watch counts is on the page as well
import ingest.lookout.metrics
import ingest.metrics  # noqa: F401 -- what ingest counts is on the page as well
import runtime.watch_metrics  # noqa: F401 -- what the watch counts is on the page as well
from api.app import create_app
from api.settings import ApiSettings
from tests.api_parts import BASE, Api, homes_of, running_api
from tests.homes import TWO_HOMES
from tests.parts import free_port

LABELS = {"channel", "handling", "le", "method", "part", "reason", "route", "severity", "status", "version"}
BASE_UNITS = ("seconds", "bytes")
# What https://prometheus.io/docs/practices/naming/ asks to be written in base units.
OTHER_UNITS = {"ms", "milliseconds", "micros", "minutes", "hours", "days", "kb", "mb", "kilobytes", "percent"}


def families(text: str) -> dict[str, Metric]:
    """Ours, by name as it stands on the page; the counters' birth times that the library adds are left out."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name.startswith("shouwang_") and not name.endswith("_created"):
            found[name] = family
    return found


def faults(name: str, family: Metric) -> list[str]:
    """What is wrong with a metric."""
    words = name.split("_")
    labels = {label for sample in family.samples for label in sample.labels}
    checks = {
        "no help": not family.documentation,
        "not in snake case": not re.fullmatch(r"[a-z]+(_[a-z]+)+", name),
        "another unit": bool(OTHER_UNITS & set(words)),
        "unit not at the end": any(
            u in words and u not in words[-2 if words[-1] == "total" else -1 :] for u in BASE_UNITS
        ),
        "a reserved ending": family.type != "counter" and words[-1] in {"total", "count", "sum", "bucket"},
        "a histogram without unit": family.type == "histogram" and words[-1] not in BASE_UNITS,
        "an unknown label": not labels <= LABELS,
        "no type": family.type not in {"counter", "gauge", "histogram"},
    }
    return [fault for fault, is_so in checks.items() if is_so]


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    async with homes_of(database_url) as homes, running_api(database_url) as running:
        await homes.press()
        headers = await running.bearer("duty")
        await running.client.get("/api/v1/sites/h1/devices/sos-1", headers=headers)
        await running.client.get("/api/v1/residents/r1", headers=headers)
        yield running


async def test_conventions(api: Api) -> None:
    """Every metric has help, a type, base units as its ending, and known labels."""
    found = families((await api.client.get("/metrics")).text)
    assert len(found) >= 18
    assert {name: wrong for name, family in found.items() if (wrong := faults(name, family))} == {}


def test_the_check_sees_a_fault() -> None:
    """A badly named metric does not pass."""
    text = '# HELP shouwang_wait_ms x\n# TYPE shouwang_wait_ms gauge\nshouwang_wait_ms{name="Wang"} 1\n'
    ((name, family),) = families(text).items()
    assert faults(name, family) == ["another unit", "an unknown label"]


async def test_nothing_personal(api: Api) -> None:
    """No code, name or phone number of the registry stands in a label, whatever was asked for."""
    text = (await api.client.get("/metrics")).text
    values = {v for f in families(text).values() for s in f.samples for v in s.labels.values()}
    codes = set(re.findall(r'^(?:code|id|name|phone) = "(.+)"$', TWO_HOMES, re.MULTILINE))
    assert len(codes) > 5
    assert values & codes == set()


async def test_open_alerts(api: Api) -> None:
    """A press counts as a new P1 until somebody claims it; what there is none of stands at 0."""
    before = (await api.client.get("/metrics")).text
    assert 'shouwang_alerts_open{handling="new",severity="P1"} 1.0' in before
    assert 'shouwang_alerts_open{handling="new",severity="P3"} 0.0' in before
    await api.client.post("/api/v1/alerts/1/claim", headers=await api.bearer("duty"))
    after = (await api.client.get("/metrics")).text
    assert 'shouwang_alerts_open{handling="claimed",severity="P1"} 1.0' in after
    assert 'shouwang_alert_oldest_unclaimed_seconds{severity="P1"} 0.0' in after


async def test_parts(api: Api) -> None:
    """Whether each part works, as /readyz judges it."""
    found = families((await api.client.get("/metrics")).text)["shouwang_part_up"]
    assert {s.labels["part"]: s.value for s in found.samples} == {"database": 1.0, "broker": 0.0, "ingest": 0.0}


async def test_database_away() -> None:
    """The page is there without a database: the part is down, and open alerts are left out, not 0."""
    app = create_app(ApiSettings(database_url=f"postgresql://nobody:none@127.0.0.1:{free_port()}/none"))
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        text = (await client.get("/metrics")).text
    assert 'shouwang_part_up{part="database"} 0.0' in text
    assert "shouwang_alerts_open{" not in text
    assert "shouwang_refused_total 0.0" in text


async def test_every_metric_is_documented(api: Api, project: Path) -> None:
    """docs/operations.md names each metric, and none that is not there."""
    found = families((await api.client.get("/metrics")).text)
    page = (project / "docs" / "operations.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(shouwang_[a-z_]+)", page, re.MULTILINE)) == set(found)
