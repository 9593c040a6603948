"""The rules in force and their overrides."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from alerts.overrides import OverrideError
from alerts.versions import UnknownRule, newest_versions, put_overrides
from api.auth import having
from api.documents import Page, Rule, RuleVersion
from api.openapi import problem
from api.principals import Principal
from api.problems import Problem, not_found
from api.rights import Right
from api.service import HeldService, Lent

router = APIRouter(tags=["rules"])

_MOST = 10_000
OVERRIDES_LIMIT = 4 * 1024 * 1024  # bytes


class OverrideBody(BaseModel):
    """What holds in one scope. `set` takes the rule's own keys, such as `after` or `night.after`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"scope": "place:h1/door-1", "set": {"after": "5min"}, "enabled": True}]},
        extra="allow",  # what does not belong is told by the rule itself, all of it at once
    )
    scope: Any = Field(default=None, description="`*`, `site:h1`, `place:h1/door-1`, `device:h1/mat-1`, `resident:r1`.")
    set: Any = Field(default_factory=dict)
    enabled: Any = None


class OverrideFile(BaseModel):
    """The form of a file of overrides."""

    model_config = ConfigDict(extra="forbid")
    override: list[OverrideBody] = Field(max_length=_MOST)


# A list, a file's content, or one alone. The file's form comes before the lone one, which takes any key.
OverridesBody = Annotated[
    Annotated[list[OverrideBody], Field(max_length=_MOST)] | OverrideFile | OverrideBody,
    Field(union_mode="left_to_right"),
]


@router.get("/rules")
async def rules(_caller: Annotated[Principal, Depends(having(Right.SEE_RULES))], conn: Lent) -> Page[Rule]:
    """List the rules, each in its newest version with its overrides."""
    newest = await newest_versions(conn)
    return Page(items=[_rule(newest[code]) for code in sorted(newest)], next=None)


@router.put(
    "/rules/{code}/overrides",
    responses={404: problem("No such rule"), 413: problem("More than 4 MiB")},
)
async def replace_overrides(
    code: str,
    body: OverridesBody,
    caller: Annotated[Principal, Depends(having(Right.CHANGE_RULES))],
    service: HeldService,
    conn: Lent,
) -> RuleVersion:
    """Replace a rule's overrides; they take effect at once. The narrowest scope wins."""
    wanted = [override.model_dump(exclude_unset=True) for override in _listed(body)]
    try:
        version = await put_overrides(conn, code, wanted, by=caller.name, now=service.clock())
    except UnknownRule:
        not_found("rule")
    except OverrideError as error:
        errors = [{"rule": error.rule, **asdict(found)} for found in error.problems]
        raise Problem(422, "overrides-refused", "No override was changed: see `errors`.", errors=errors) from None
    return RuleVersion(code=code, version=version)


def _listed(body: list[OverrideBody] | OverrideFile | OverrideBody) -> list[OverrideBody]:
    if isinstance(body, OverrideFile):
        return body.override
    return body if isinstance(body, list) else [body]


def _rule(row: dict[str, Any]) -> Rule:
    kept = {"scope", "set", "enabled"}
    return Rule(
        code=row["rule"],
        version=row["version"],
        definition=row["definition"],
        overrides=[{key: value for key, value in override.items() if key in kept} for override in row["overrides"]],
        at=row["at"],
        by=row["by"],
    )
