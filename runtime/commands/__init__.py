"""The commands, a file for each that does more than call one function."""
