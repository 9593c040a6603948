"""Settings, wiring, the embedded database and broker, the command line. Nobody imports it."""
