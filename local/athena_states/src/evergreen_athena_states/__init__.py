"""Lets LocalStack's state machines ask an Athena that the environment names."""

from __future__ import annotations
