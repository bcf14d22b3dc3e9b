"""EMF bridge, only for an emulator: turns embedded-metric log lines into metrics, as AWS does."""
