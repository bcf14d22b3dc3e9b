"""Series of other people, which nobody here has tuned anything for.

They come in packages (:mod:`packages`), are cut alike (:mod:`cutting`), get the same plain
model (:mod:`recipe`) and default settings, and are divided into two halves (:mod:`halves`).
"""

from __future__ import annotations
