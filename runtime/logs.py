"""Logs: one JSON object a line on standard error; what embedded parts say, in files of limited size."""

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from io import FileIO, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

FILE_BYTES = 5_000_000
FILES = 3
# What every record has; the rest came by `extra`.
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


# Their messages name things of the program, not of people.
_ABOUT_CODE = (NameError, AttributeError, ImportError)


class JsonLines(logging.Formatter):
    """A record as one line: time, level, part, logger, message, extras."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "message": self._message(record),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info and record.exc_info[0] is not None:
            line |= {"error": record.exc_info[0].__name__, "trace": self._trace(record)}
            if isinstance(record.exc_info[1], _ABOUT_CODE):
                line["said"] = str(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)

    @staticmethod
    def _message(record: logging.LogRecord) -> str:
        """What is said; of asyncio's complaints the first line, since the rest quotes the error of a task."""
        said = record.getMessage()
        return said.partition("\n")[0] if record.name == "asyncio" else said

    @staticmethod
    def _trace(record: logging.LogRecord) -> list[str]:
        """Where it happened, without the messages: those of drivers quote data, which may be personal."""
        places, trace = [], record.exc_info[2] if record.exc_info else None
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        return places


def set_up(part: str, level: str) -> None:
    """Send this process's logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(part))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _unexpected
    threading.excepthook = _unexpected_in_thread
    sys.unraisablehook = _unraisable
    # Requests carry what people looked for.
    for name in ("uvicorn.access", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A fault of ours ends the process: told as a line as well, without the message."""
    logging.getLogger(__name__).critical("ended by a fault", exc_info=(kind, error, trace))


def _unexpected_in_thread(args: threading.ExceptHookArgs) -> None:
    """A thread of ours died: told in the same way."""
    error = args.exc_value or args.exc_type()
    logging.getLogger(__name__).critical(
        "a thread ended by a fault", exc_info=(args.exc_type, error, args.exc_traceback)
    )


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    """A fault where nobody could catch it, such as in a destructor: told in the same way."""
    if args.exc_value is not None:
        told = (type(args.exc_value), args.exc_value, args.exc_traceback)
        logging.getLogger(__name__).error("a fault that nobody could catch", exc_info=told)


class _PrivateFiles(RotatingFileHandler):
    """Every file that it opens, also after a rotation, is readable by its owner alone."""

    def _open(self) -> TextIOWrapper:
        descriptor = _private(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return TextIOWrapper(FileIO(descriptor, "ab"), encoding=self.encoding, write_through=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class PartLog:
    """The file that keeps what an embedded part says, as it says it; at most `FILE_BYTES` times `FILES`."""

    def __init__(self, path: Path) -> None:
        self._handler = _PrivateFiles(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def write(self, line: str) -> None:
        self._handler.emit(logging.makeLogRecord({"msg": "%s", "args": (line,)}))

    def close(self) -> None:
        self._handler.close()
