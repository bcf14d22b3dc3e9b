"""Compacts the request log and the ground truth of each day into Parquet."""
