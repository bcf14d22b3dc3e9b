"""Whether a role may do what it asks for: policies, requests, and the gate before LocalStack."""

from __future__ import annotations
