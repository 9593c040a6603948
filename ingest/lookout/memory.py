"""What the lookout leaves to the process after it: one small file, replaced whole."""

import logging
import os
import secrets
from pathlib import Path

import msgspec

from ingest.lookout.outstanding import Kept

log = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Kept)


class Memory:
    """The file. What it cannot keep or read is told in the log and does not stop the listening."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Kept:
        """Return what was left; nothing where there is no file, or one that says nothing."""
        try:
            return _decoder.decode(self._path.read_bytes())
        except FileNotFoundError:
            return Kept()
        except (OSError, msgspec.DecodeError) as error:
            log.error("what was heard before cannot be read", extra={"kind": type(error).__name__})  # noqa: TRY400 -- a trace says no more
            return Kept()

    def save(self, kept: Kept) -> None:
        """Replace the file, readable by its owner alone."""
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encoder.encode(kept))
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            log.error("what was heard cannot be kept", extra={"kind": type(error).__name__})  # noqa: TRY400 -- the same
