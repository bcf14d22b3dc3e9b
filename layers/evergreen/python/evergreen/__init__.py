"""Evergreen's library: the thinking behind every station of the loop.

Modules are imported by name (``evergreen.bundle.predictor``), never through this package: what a
function imports decides how long its cold start takes.
"""
