"""Emulator only: does what CloudWatch does with embedded-metric log lines on AWS."""
