"""Cuts a JSON array into its items without believing that it is valid: one broken item must not lose the others."""

import re

# A text, also one that never ends, or whatever opens, closes or parts values.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)


def split_array(payload: bytes) -> list[bytes] | None:
    """Return the bytes of each item, or None where the payload does not begin as an array.

    What follows the last sound item of a cut or unbalanced array is one last item.
    """
    text = payload.strip(b" \t\r\n")
    if not text.startswith(b"["):
        return None
    items: list[bytes] = []
    depth, start = 0, 1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return _closed(items, text, start, token)
        elif mark == b"," and depth == 1:
            items.append(text[start : token.start()].strip())
            start = token.end()
    return _with_rest(items, text[start:])


def _closed(items: list[bytes], text: bytes, start: int, end: re.Match[bytes]) -> list[bytes]:
    """Add the last item, and as one more whatever stands behind the array."""
    last = text[start : end.start()].strip()
    if last or items:
        items.append(last)
    return _with_rest(items, text[end.end() :])


def _with_rest(items: list[bytes], rest: bytes) -> list[bytes]:
    return [*items, rest.strip()] if rest.strip() else items
