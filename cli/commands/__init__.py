"""The commands of `evergreen`, one module each."""
