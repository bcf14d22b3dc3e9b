"""The commands of `evergreen`: one module for each."""
