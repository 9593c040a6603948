"""What lists are asked with."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, Field

CODE = r"^[A-Za-z0-9_-]{1,64}$"
BIGGEST = 2**63 - 1


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text cannot hold the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text cannot hold half of a surrogate pair") from None
    return text


Code = Annotated[str, Field(pattern=CODE)]
Text = Annotated[str, AfterValidator(_storable)]
AlertId = Annotated[int, Field(ge=1, le=BIGGEST)]
Cursor = Annotated[str | None, Query(max_length=1024, description="Where the page before ended: its `next`.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many a page holds at most.")]
