"""Modules that several functions share; a function's zip holds only those that it imports."""
