"""Models that were trained elsewhere: an ONNX file of any framework becomes a version.

In: the file, the definition, and labelled rows. Out: a bundle in the form of those that training
makes, proved on the rows, and a version in the registry. ``evergreen import`` calls it.
"""
