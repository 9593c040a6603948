"""Cuts a JSON array into its items without believing that it is valid: one broken item must not lose the others."""

import re

# A text, also one that never ends, or whatever opens, closes or parts values.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)
_NEXT_OBJECT = re.compile(rb",\s*(?=\{)")

# Each recovery reads the rest once more: a few, so that no payload costs more than a few readings.
_RECOVERIES = 4


def split_array(payload: bytes) -> list[bytes] | None:
    """Return the bytes of each item, or None where the payload does not begin as an array.

    Where an item never closes, the next object is looked for; what stands behind the array is one more item.
    """
    text = payload.strip(b" \t\r\n")
    if not text.startswith(b"["):
        return None
    items: list[bytes] = []
    start, recoveries = 1, _RECOVERIES
    while True:
        end = _end_of_item(text, start)
        if end is None and recoveries:
            recoveries -= 1
            found = _NEXT_OBJECT.search(text, start)
            end = found.start() if found else None
        if end is None:
            return _with(items, text[start:])
        if text[end : end + 1] == b"]":
            last = text[start:end].strip()
            return _with([*items, last] if last or items else items, text[end + 1 :])
        items.append(text[start:end].strip())
        start = end + 1


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


def _with(items: list[bytes], rest: bytes) -> list[bytes]:
    return [*items, rest.strip()] if rest.strip() else items
