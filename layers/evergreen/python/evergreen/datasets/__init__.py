"""Data sets: what models are trained and judged on, immutable and named by their content.

In: rows that a user brings, and the labelled rows of the lake. Out: a Parquet file and a manifest
per data set, and a version's predictions on its holdout. Training, evaluation and the drift check
read them; the function ``build_dataset`` writes them.
"""
