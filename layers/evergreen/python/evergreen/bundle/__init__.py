"""Bundles: the artefact that serves a model, stored, loaded and asked for predictions.

In: the files of a bundle (ONNX model, signature, statistics), each named by its SHA-256, and
columns of validated values. Out: predictions and confidences. Training writes bundles; serving,
shadow, evaluation and promotion read them.
"""
