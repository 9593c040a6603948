"""Cuts a JSON array into its items without believing that it is valid: one broken item must not lose the others."""

import re
from collections.abc import Iterator

# A text, also one that never ends, or whatever opens, closes or parts values.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)
_NEXT_OBJECT = re.compile(rb",\s*(?=\{)")

# Each recovery reads the rest once more: a few, so that no payload costs more than a few readings.
_RECOVERIES = 4


def split_array(payload: bytes) -> Iterator[bytes] | None:
    """Return the bytes of each item, cut as they are asked for, or None where the payload does not begin as an array.

    Where an item never closes, the next object is looked for; what stands behind the array is one more item.
    """
    text = payload.strip(b" \t\r\n")
    return _items(text) if text.startswith(b"[") else None


def _items(text: bytes) -> Iterator[bytes]:
    start, recoveries, first = 1, _RECOVERIES, True
    while True:
        end = _end_of_item(text, start)
        if end is None and recoveries:
            recoveries -= 1
            found = _NEXT_OBJECT.search(text, start)
            end = found.start() if found else None
        if end is None:
            yield from _rest(text[start:])
            return
        item = text[start:end].strip()
        if text[end : end + 1] == b"]":
            if item or not first:
                yield item
            yield from _rest(text[end + 1 :])
            return
        yield item
        start, first = end + 1, False


def _end_of_item(text: bytes, start: int) -> int | None:
    """Return where the comma or bracket behind an item stands, or None where the item never closes."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        mark = token[0]
        if depth == 0 and mark in (b",", b"]"):
            return token.start()
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
    return None


def _rest(text: bytes) -> Iterator[bytes]:
    if text.strip():
        yield text.strip()
