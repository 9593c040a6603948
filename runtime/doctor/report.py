"""What the doctor says: findings, each with its remedy, beside what was measured. Every text is in texts.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Level = Literal["finding", "note"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is not as it should be. A note is worth knowing and fails nothing."""

    check: str
    code: str
    level: Level
    says: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """What is said for a code, with `{names}` to fill in."""

    says: str
    remedy: str
    level: Level = "finding"


@cache
def texts() -> Mapping[str, Text]:
    """The catalogue of texts, by code."""
    source = files("runtime.doctor").joinpath("texts.toml").read_text("utf-8")
    return {code: Text(**entry) for code, entry in tomllib.loads(source).items()}


@dataclass(kw_only=True, slots=True)
class Checked:
    """One check and what came of it. `skipped` says why nothing could be looked at."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    skipped: str | None = None

    def find(self, code: str, **values: object) -> None:
        """Add what the catalogue says for a code."""
        text = texts()[code]
        self.findings.append(
            Finding(
                check=self.name,
                code=code,
                level=text.level,
                says=text.says.format(**values),
                remedy=text.remedy.format(**values),
            )
        )

    @property
    def failed(self) -> bool:
        return any(finding.level == "finding" for finding in self.findings)
