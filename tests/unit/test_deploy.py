"""What deploy/ holds fits what the program is."""

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from runtime.settings import PREFIX, Settings

METRIC = re.compile(r"shouwang_[a-z_]+")


@pytest.mark.parametrize("name", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_every_metric_that_is_named_exists(project: Path, name: str) -> None:
    """Alerts and panels ask for metrics of docs/operations.md, which another test holds to the page of metrics."""
    text = (project / "docs" / "operations.md").read_text("utf-8")
    page = set(re.findall(r"^\| `(shouwang_[a-z_]+)", text, re.MULTILINE))
    named = {
        metric.removesuffix("_bucket") for metric in METRIC.findall((project / "deploy" / name).read_text("utf-8"))
    }
    assert named
    assert named <= page


def test_alerts_and_dashboard_can_be_read(project: Path) -> None:
    """Every alert has an expression and a sentence; every panel asks something."""
    (group,) = yaml.safe_load((project / "deploy" / "prometheus-alerts.yml").read_text("utf-8"))["groups"]
    assert all(rule["expr"] and rule["annotations"]["summary"] for rule in group["rules"])
    board = json.loads((project / "deploy" / "grafana-dashboard.json").read_text("utf-8"))
    assert all(target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_settings_that_are_set_exist(project: Path) -> None:
    """Neither the containers nor the units start with a setting that is not there."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    compose = yaml.safe_load((project / "deploy" / "compose.yaml").read_text("utf-8"))
    named = {key for part in compose["services"].values() for key in part.get("environment", {})}
    units = (project / "deploy" / "systemd" / "environment.example").read_text("utf-8")
    named |= set(re.findall(r"^([A-Z_]+)=", units, re.MULTILINE))
    assert {key for key in named if key.startswith(PREFIX)} <= known


def test_no_password_is_written_down(project: Path) -> None:
    """Passwords come from outside; without one nothing starts."""
    compose = (project / "deploy" / "compose.yaml").read_text("utf-8")
    assert all(":?" in value for value in re.findall(r"\$\{[A-Z_]*PASSWORD[^}]*\}", compose))
