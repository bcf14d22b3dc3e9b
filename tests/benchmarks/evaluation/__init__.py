"""Benchmarks of the evaluation's rules."""
