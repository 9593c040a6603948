"""The shapes of answers, version 1; the OpenAPI document and its examples come from here."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from api.rights import Role
from devices.models import DeviceKind, Language, PlaceKind, PlaceRole, Power, Presence, SiteKind

Severity = Literal["P1", "P2", "P3", "P4"]
Handling = Literal["inhibited", "new", "claimed", "confirming", "closed"]
Condition = Literal["active", "cleared"]

_Item = TypeVar("_Item")


class Document(BaseModel):
    """An answer. Unknown keys are a bug of ours, not of the caller."""

    model_config = ConfigDict(extra="forbid")


class Page(Document, Generic[_Item]):
    """A stretch of a list; `next` is the cursor of the one after it."""

    items: list[_Item]
    next: str | None = Field(description="Give it as `cursor` for the next page; null at the end.", examples=[None])


class BothLanguages(Document):
    zh: str = Field(examples=["门未关"])
    en: str = Field(examples=["left-open"])


class Steps(Document):
    zh: list[str] = Field(examples=[["看门口摄像头", "致电本人或家属"]])
    en: list[str] = Field(examples=[["Look at the door's camera", "Call the resident or the family"]])


class Subject(Document):
    kind: Literal["site", "place", "resident", "device", "street"]
    code: str = Field(examples=["door-1"])


class EscalationState(Document):
    step: int
    at: datetime | None


class Alert(Document):
    """What a person must look at."""

    id: int = Field(examples=[17])
    rule: str = Field(examples=["D-03"])
    rule_version: int = Field(examples=[1])
    name: BothLanguages
    advice: Steps
    severity: Severity
    severity_since: datetime = Field(description="Since when it has this severity: response times run from here.")
    respond_by: datetime = Field(description="When somebody must have answered: the end of the severity's target.")
    condition: Condition
    handling: Handling
    site: str = Field(examples=["h1"])
    subject: Subject
    resident: str | None = Field(examples=["r1"])
    raised_at: datetime = Field(description="When it became true, with the site's offset.")
    received_at: datetime = Field(description="When the server came to know.")
    cleared_at: datetime | None
    claimed_by: str | None = Field(examples=["duty-4f0c2a91be"])
    claimed_at: datetime | None
    proposed_by: str | None = Field(
        description="While it waits for a second person: who proposed the outcome, and so cannot confirm it.",
        examples=[None],
    )
    closed_at: datetime | None
    outcome: str | None
    occurrences: int = Field(examples=[2])
    last_occurrence_at: datetime
    inhibits: list[int] = Field(description="The ids of the alerts that this one explains.")
    escalation: EscalationState
    flags: list[str] = Field(examples=[["delayed"]])
    evidence: list[int] = Field(description="The ids of the events behind its first and newest occurrences.")


class AlertPage(Page[Alert]):
    as_of: int = Field(description="The log id that this page reflects: a feed resumed from it misses nothing.")


class Occurrence(Document):
    n: int
    at: datetime
    received_at: datetime
    event: int | None = Field(description="The event's id, where one caused it.")


class LogEntry(Document):
    """One change. `erased`: somebody wrote something, and it was erased."""

    log_id: int
    change: str = Field(examples=["claimed"])
    at: datetime
    by: str
    severity: Severity
    condition: Condition
    handling: Handling
    outcome: str | None
    contact: str | None
    note: str | None
    erased: bool


class FeedEntry(Document):
    """The data of one `alert` event of the feed; `alert` is as that change left it."""

    log_id: int
    change: str
    at: datetime
    by: str
    alert: Alert


class Event(Document):
    """What a device said happened."""

    id: int = Field(description="The server's id: the event's position in the log.", examples=[4711])
    device_event_id: str | None = Field(examples=["01J9ZK"])
    site: str = Field(examples=["h1"])
    device: str = Field(examples=["mag-1"])
    type: str = Field(examples=["door.opened"])
    at: datetime | None = Field(description="Device time, with the site's offset; null where the device gave none.")
    received_at: datetime
    value: float | None
    unit: str | None
    flags: list[Literal["delayed", "skewed", "test"]]


class AlertDetail(Alert):
    """One alert with what became of it; the newest 200 occurrences."""

    occurrence_list: list[Occurrence]
    events: list[Event] = Field(description="The events that `evidence` names.")
    log: list[LogEntry]


class Quarantined(Document):
    """A message that could not be taken."""

    id: int
    received_at: datetime
    topic: str
    reason: str = Field(examples=["not_json"])
    detail: str
    payload: str = Field(description="The first 4 KiB, as text where they are UTF-8.")
    encoding: Literal["utf-8", "base64"]
    payload_size: int


class Me(Document):
    """Who the caller is. `csrf` goes into X-CSRF-Token on unsafe requests of a browser's session."""

    name: str = Field(examples=["duty-4f0c2a91be"])
    role: Role
    scope: dict[str, Any] = Field(examples=[{"district": True}])
    expires_at: datetime | None
    csrf: str | None


class ImportCounts(Document):
    created: int
    updated: int
    unchanged: int


class DeviceCredentials(Document):
    """Shown this once."""

    username: str = Field(examples=["h1:sos-1"])
    password: str = Field(examples=["Zk1rJ0yOQ3mC7w9xT2uVbA"])


class PartState(Document):
    name: str
    ok: bool
    reason: str | None
    at: datetime | None
    age: float | None = Field(description="Seconds since it spoke.")
    detail: dict[str, Any]


class Readiness(Document):
    ready: bool
    parts: dict[str, PartState]


class Watch(Document):
    """Proof that a quiet screen is alive."""

    ready: bool
    parts: list[PartState]
    last_event_at: datetime | None
    events_per_minute: list[int] = Field(description="The last 60 minutes, the running one last.")


class Alive(Document):
    status: Literal["alive"]


class Site(Document):
    code: str
    kind: SiteKind
    name: str
    street: str
    community: str
    provider: str
    address: str
    timezone: str


class Place(Document):
    site: str
    code: str
    kind: PlaceKind
    role: PlaceRole | None
    sealed: bool
    open_hours: list[str] | None


class Resident(Document):
    """`care` is null for those who may not see care records."""

    code: str
    site: str
    bed: str | None
    name: str
    flags: list[str]
    presence: Presence
    care: dict[str, Any] | None


class Told(Document):
    """What a device last said of how things are."""

    type: str = Field(examples=["door.opened"])
    at: datetime


class DeviceState(Document):
    """`unknown` is what was never heard, or nothing watches for; it does not mean fine."""

    last_seen: datetime | None = Field(examples=["2026-11-23T02:10:00Z"])
    status: str | None = Field(description="What it says of itself on its status channel.", examples=["online"])
    liveness: Literal["unknown", "ok", "suspect", "offline"]
    battery: int | None = Field(description="Per cent.", examples=[97])
    rssi: int | None = Field(description="dBm.", examples=[-61])
    low: bool = Field(description="The battery has 20 % or less.")
    skewed: bool = Field(description="Its clock cannot be believed.")
    told: Told | None = Field(description="The newest event that says how it is (door, bed, camera, smoke, gas, leak).")


class Device(Document):
    site: str
    code: str
    kind: DeviceKind
    make: str
    place: str | None
    resident: str | None
    gateway: str | None
    power: Power | None
    heartbeat: str | None
    state: DeviceState


class KindState(Document):
    """How the devices of one kind do at one site: each is in one state, and besides perhaps low or skewed."""

    kind: DeviceKind
    total: int = Field(examples=[2])
    ok: int = Field(description="Heard in time.", examples=[1])
    suspect: int
    offline: int = Field(examples=[1])
    unheard: int = Field(description="Never heard.")
    unwatched: int = Field(description="Heard, but without a heartbeat whose absence would tell.")
    disabled: int = Field(description="Cameras that were switched off.")
    low: int = Field(description="Besides: with a battery of 20 % or less.")
    skewed: int = Field(description="Besides: with a clock that cannot be believed.")


class SiteState(Document):
    """A site and how its devices do, as far as the caller sees them."""

    site: Site
    trouble: bool = Field(description="Something is known against a device, or one that should be heard never was.")
    last_seen: datetime | None = Field(description="When any of its devices was last heard.")
    kinds: list[KindState]


class SiteStatePage(Page[SiteState]):
    streets: list[str] = Field(description="Every street that has sites within the scope.", examples=[["示范一街道"]])


class Contact(Document):
    id: str
    resident: str
    name: str
    relation: str
    order: int
    phone: str
    channels: list[str]
    language: Language


class WhatWasRemoved(Document):
    """`site` where the code is one of a site's own."""

    kind: Literal["site", "place", "resident", "device", "contact"]
    site: str | None = Field(examples=["h1"])
    code: str = Field(examples=["sos-1"])


class WatchEnded(Document):
    """How many of each are gone, the removed one included."""

    sites: int
    places: int
    residents: int
    devices: int
    contacts: int


class Detached(Document):
    """How many stay and no longer refer to what is gone."""

    residents: int
    devices: int


class Removed(Document):
    """What a removal ended. Events, alerts and their log stay; so do open alerts, until they are closed."""

    removed: WhatWasRemoved
    at: datetime
    history_kept: Literal[True]
    watch_ended: WatchEnded
    detached: Detached
    credentials_ended: int = Field(description="Devices that can no longer log in.")
    open_alerts: int = Field(description="Alerts about what was removed that wait for somebody.")


class Rule(Document):
    """A rule in its newest version; `definition` is what the catalogue says."""

    code: str = Field(examples=["D-03"])
    version: int
    definition: dict[str, Any]
    overrides: list[dict[str, Any]]
    at: datetime
    by: str


class RuleVersion(Document):
    code: str
    version: int
