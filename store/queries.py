"""Named SQL from files: `-- name: x`, then `-- what it does`, then the statement."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_HEADER = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\n-- \S.*$", re.MULTILINE)


class BadQueryFile(Exception):
    """A file of named SQL does not follow the form."""


@cache
def load(package: str) -> Mapping[str, bytes]:
    """Every named statement of `<package>/sql/*.sql`. Raises `BadQueryFile` for a double or undescribed name."""
    found: dict[str, bytes] = {}
    for file in sorted(files(package).joinpath("sql").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            for name, statement in parse(file.read_text("utf-8"), file.name).items():
                if name in found:
                    raise BadQueryFile(f"{package}/sql/{file.name}: the name {name} is taken")
                found[name] = statement
    return MappingProxyType(found)


def parse(text: str, source: str) -> dict[str, bytes]:
    """The statements of one file, by name."""
    starts = list(_HEADER.finditer(text))
    if len(starts) != text.count("-- name:"):
        raise BadQueryFile(f"{source}: every '-- name:' needs a description on the next line")
    ends = [m.start() for m in starts[1:]] + [len(text)]
    return {m[1]: text[m.end() : end].strip().encode() for m, end in zip(starts, ends, strict=True)}
