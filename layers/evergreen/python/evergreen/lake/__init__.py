"""The lake: request log and ground truth at rest, as tables in which each row counts once.

In: the JSON lines that capture has landed. Out: Parquet files per day, and Arrow tables for
whoever reads a window. The function ``compact_logs`` writes it; drift, data sets and shadow read
it.
"""
