"""What the command line tells as one sentence instead of a traceback."""


class StartError(Exception):
    """Something outside the program stands in the way; the message says what and what to do. Exit code 1."""


class WrongUse(Exception):
    """The call or its settings are wrong; the message names the option or key. Exit code 2."""
