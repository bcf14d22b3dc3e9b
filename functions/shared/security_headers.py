"""Headers that every answer of the API has."""

from __future__ import annotations

SECURITY = {
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=31536000",
}
