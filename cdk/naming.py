"""Names of constructs and outputs."""

from __future__ import annotations


def camel_case(name: str) -> str:
    """Return a name in camel case, for names of outputs: ``flight_delay`` as ``FlightDelay``."""
    return "".join(part.capitalize() for part in name.split("_"))
