"""Bundles: the artefact that serves a model; how it is stored, loaded and run.

In: the files of a bundle (ONNX model, signature, statistics), each named by its SHA-256, and
columns of validated values. Out: predictions and confidences. Training writes bundles; serving,
shadow, evaluation and promotion read them.
"""
