"""What registers and changes rows of the registry: the keys of registry files, and as strict.

What a row says of others, and what a body's shape cannot say, is for `devices` to judge.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.inputs import Code, Text
from devices.models import DEFAULT_TIMEZONE, DeviceKind, Language, PlaceKind, PlaceRole, Power, Presence, SiteKind
from devices.registry_file import LARGEST_ORDER, LONGEST_TEXT

Words = Annotated[Text, Field(max_length=LONGEST_TEXT)]
Window = Annotated[
    str,
    Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["06:00-22:00"]),
]
Flag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["fall_risk"])]
Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", examples=["sms"])]
Duration = Annotated[str, Field(pattern=r"^[0-9]{1,9}(s|min|h|d)$", examples=["60s"])]
Order = Annotated[int, Field(ge=0, le=LARGEST_ORDER)]


class Body(BaseModel):
    """No key that is not known, and no number for a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CareBody(Body):
    """What helpers at the door must know."""

    conditions: Words | list[Words] = ""
    medication_notes: Words = ""
    key_notes: Words = ""
    entry_notes: Words = ""


class CarePatch(Body):
    conditions: Words | list[Words] | None = None
    medication_notes: Words | None = None
    key_notes: Words | None = None
    entry_notes: Words | None = None


class SiteBody(Body):
    code: Code = Field(examples=["h1"])
    kind: SiteKind
    name: Words = Field(default="", examples=["王家"])
    street: Words = Field(default="", examples=["street-1"])
    community: Words = ""
    provider: Words = ""
    address: Words = ""
    timezone: Words = Field(default=DEFAULT_TIMEZONE, description="An IANA name.", examples=[DEFAULT_TIMEZONE])


class SitePatch(Body):
    kind: SiteKind | None = None
    name: Words | None = None
    street: Words | None = None
    community: Words | None = None
    provider: Words | None = None
    address: Words | None = None
    timezone: Words | None = Field(default=None, examples=[DEFAULT_TIMEZONE])


class PlaceBody(Body):
    site: Code = Field(examples=["h1"])
    code: Code = Field(examples=["door-1"])
    kind: PlaceKind
    role: PlaceRole | None = None
    sealed: bool = False
    open_hours: list[Window] | None = Field(default=None, description="Windows of local time.")


class PlacePatch(Body):
    kind: PlaceKind | None = None
    role: PlaceRole | None = None
    sealed: bool | None = None
    open_hours: list[Window] | None = None


class ResidentBody(Body):
    code: Code = Field(examples=["r1"])
    site: Code = Field(examples=["h1"])
    bed: Code | None = Field(default=None, description="A place of the same site, of kind `bed`.")
    name: Words = Field(default="", examples=["王秀英"])
    flags: list[Flag] = []
    presence: Presence = "home"
    care: CareBody = CareBody()


class ResidentPatch(Body):
    site: Code | None = Field(default=None, description="A resident who moves takes no device along.")
    bed: Code | None = None
    name: Words | None = None
    flags: list[Flag] | None = None
    presence: Presence | None = None
    care: CarePatch | None = None


class DeviceBody(Body):
    """Stands at a place or with a resident, not both."""

    site: Code = Field(examples=["h1"])
    code: Code = Field(examples=["sos-1"])
    kind: DeviceKind
    make: Words = ""
    place: Code | None = None
    resident: Code | None = None
    gateway: Code | None = Field(default=None, description="A device of the same site, of kind `gateway`.")
    power: Power | None = None
    heartbeat: Duration | None = Field(default=None, description="Null: the kind's default; `0s`: it sends none.")


class DevicePatch(Body):
    kind: DeviceKind | None = None
    make: Words | None = None
    place: Code | None = None
    resident: Code | None = None
    gateway: Code | None = None
    power: Power | None = None
    heartbeat: Duration | None = None


class ContactBody(Body):
    id: Code = Field(examples=["c1"])
    resident: Code = Field(examples=["r1"])
    name: Words = Field(default="", examples=["王强"])
    relation: Words = ""
    order: Order = 1
    phone: Words = Field(default="", examples=["13800000000"])
    channels: list[Channel] = []
    language: Language = "zh"


class ContactPatch(Body):
    resident: Code | None = None
    name: Words | None = None
    relation: Words | None = None
    order: Order | None = None
    phone: Words | None = None
    channels: list[Channel] | None = None
    language: Language | None = None
