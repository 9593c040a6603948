"""`python -m runtime`: how `up` starts its own parts, whatever the PATH."""

from runtime.cli import main

main()
