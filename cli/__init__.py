"""The `evergreen` command: one thin module per command."""
