"""Makes LocalStack as strict as AWS where it forgives."""

from __future__ import annotations
