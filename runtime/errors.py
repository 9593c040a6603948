"""What is told as one sentence instead of a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from store.errors import StoreError


class StartError(Exception):
    """Something outside the program stands in the way; the message says what and what to do. Exit code 1."""


class WrongUse(Exception):
    """The call or its settings are wrong; the message names the option or key. Exit code 2."""


@contextmanager
def told() -> Iterator[None]:
    """End the process with a sentence and its exit code where such an error comes."""
    try:
        yield
    except WrongUse as error:
        _end(str(error), 2)
    except (StartError, StoreError) as error:
        _end(str(error), 1)


def _end(text: str, code: int) -> None:
    print(f"shouwang: {text}", file=sys.stderr)  # noqa: T201 -- this is the program's answer
    sys.exit(code)
