"""Data sets: the rows for training and evaluation, immutable and named by their content.

In: rows from a user, and the labelled rows of the lake. Out: a Parquet file and a manifest for each
data set, and a version's predictions on its holdout. Training, evaluation and the drift check
read them; the function ``build_dataset`` writes them.
"""
