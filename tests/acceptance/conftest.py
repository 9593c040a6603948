"""One stack for all tests of a process that leave it whole."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A running stack that tests share: each uses sites of its own, none stops anything."""
    with running_stack() as running:
        yield running
