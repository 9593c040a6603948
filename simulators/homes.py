"""A home and an institution to show. All names are codes: nobody real is meant."""

from devices.models import Care, Contact, Device, Place, PlaceRole, Resident, Site
from simulators.world import World

STREET, COMMUNITY, PROVIDER = "示范一街道", "示范社区甲", "示范服务商 P-01"
DOORS: tuple[tuple[str, PlaceRole], ...] = (("main", "entrance"), ("garden", "exit"), ("fire", "fire_exit"))
BEAT = "5s"  # so that a camera's silence is believed within seconds


def home(code: str, number: int) -> World:
    """A flat of somebody who lives alone: front door, living room, bed, a button to wear, a gateway."""
    person = f"A-{number:03}"
    return World(
        sites=(
            Site(
                code=code,
                kind="home",
                name=f"示范家庭 {person}",
                street=STREET,
                community=COMMUNITY,
                provider=PROVIDER,
                address=f"示范路 {number} 号（虚构）",
            ),
        ),
        places=(
            Place(site=code, code="door-1", kind="door", role="entrance"),
            Place(site=code, code="living-1", kind="room", role="room"),
            Place(site=code, code="bed-1", kind="bed"),
        ),
        residents=(
            Resident(
                code=person,
                site=code,
                bed="bed-1",
                name=f"老人 {person}",
                flags=("lives_alone", "fall_risk"),
                care=Care(conditions="示范：高血压", key_notes="示范：备用钥匙在社区服务站"),
            ),
        ),
        devices=(
            Device(site=code, code="gw-1", kind="gateway", power="mains", heartbeat=BEAT),
            Device(site=code, code="mag-1", kind="door_sensor", place="door-1", power="battery"),
            Device(site=code, code="pir-1", kind="motion", place="living-1", gateway="gw-1", power="battery"),
            Device(
                site=code, code="mat-1", kind="bed_sensor", place="bed-1", gateway="gw-1", power="mains", heartbeat=BEAT
            ),
            Device(site=code, code="sos-1", kind="sos_button", resident=person, power="battery"),
        ),
        contacts=(
            Contact(id=f"{person}-1", resident=person, name=f"家属 {person}-1", relation="女儿", phone="000-0000-0001"),
            Contact(id=f"{person}-2", resident=person, name=f"邻居 {person}-2", relation="邻居", order=2),
        ),
    )


def institution(code: str, number: int) -> World:
    """A small institution: three doors, a camera at two of them, a digital guard, two residents with a button each."""
    people = [f"B-{number}{k:02}" for k in (1, 2)]
    return World(
        sites=(
            Site(
                code=code,
                kind="institution",
                name=f"示范养老院 {number}",
                street=STREET,
                community=COMMUNITY,
                address=f"示范路 {number}00 号（虚构）",
            ),
        ),
        places=(
            *(Place(site=code, code=f"door-{door}", kind="door", role=role) for door, role in DOORS),
            *(Place(site=code, code=f"bed-{k}", kind="bed") for k in (1, 2)),
        ),
        residents=tuple(
            Resident(code=person, site=code, bed=f"bed-{k}", name=f"老人 {person}", flags=("fall_risk",))
            for k, person in enumerate(people, start=1)
        ),
        devices=(
            Device(site=code, code="gw-1", kind="gateway", power="mains", heartbeat=BEAT),
            Device(site=code, code="guard-1", kind="guard", place="door-main", power="mains", heartbeat=BEAT),
            *(_sensor(code, door) for door, _ in DOORS),
            *(_camera(code, door) for door in ("main", "garden")),
            *(_button(code, k, person) for k, person in enumerate(people, start=1)),
        ),
    )


def _sensor(site: str, door: str) -> Device:
    return Device(site=site, code=f"mag-{door}", kind="door_sensor", place=f"door-{door}", power="battery")


def _camera(site: str, door: str) -> Device:
    return Device(site=site, code=f"cam-{door}", kind="camera", place=f"door-{door}", power="mains", heartbeat=BEAT)


def _button(site: str, number: int, resident: str) -> Device:
    return Device(site=site, code=f"sos-{number}", kind="sos_button", resident=resident, power="battery")
