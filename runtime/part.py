"""`python -m runtime.part NAME`: what `up` starts. The command line's own imports stay out: a part restarts sooner."""

import sys

from runtime import serving
from runtime.errors import told
from runtime.settings import load

PARTS = {"ingest": serving.ingest, "api": serving.api, "watch": serving.watch, "demo": serving.demo}

if __name__ == "__main__":
    with told():
        PARTS[sys.argv[1]](load())
