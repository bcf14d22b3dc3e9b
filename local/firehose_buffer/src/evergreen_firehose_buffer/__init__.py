"""Firehose's buffers for LocalStack: records are collected on disk before they go to S3."""

from __future__ import annotations
