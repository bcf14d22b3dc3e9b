"""Turns the request log and ground truth of each day into Parquet."""
