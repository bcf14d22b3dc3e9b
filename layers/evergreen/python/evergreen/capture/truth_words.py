"""The words that files have for true and false."""

from __future__ import annotations

TRUE_WORDS = ("true", "t", "yes", "y", "ja", "wahr", "on")
FALSE_WORDS = ("false", "f", "no", "n", "nein", "falsch", "off")
