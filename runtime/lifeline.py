"""End with the `up` that started us, where staying behind would mislead: an API left alone would still say "ready"."""

import ctypes
import os
import signal
import sys

# Set by `up` for its own parts: its process id.
PARENT = "SHOUWANG_UP_PID"
_PR_SET_PDEATHSIG = 1


def end_with_up() -> None:
    """Let the kernel kill this process when its `up` dies; does nothing for a part that was started by itself."""
    parent = os.environ.get(PARENT)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before we asked.
    if os.getppid() != int(parent):
        sys.exit(1)
