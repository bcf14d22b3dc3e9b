"""The protocols of the prediction function: one room each, from HTTP to rows and back.

Each reads its forms of a request into the rows of the model and writes the answer in its own forms.
What lies between is the same for all of them, see :mod:`functions.predict.intake`.
"""

from __future__ import annotations

from functions.predict.protocols import kserve, open_inference, own, scoring

ROUTERS = (own.router, scoring.router, open_inference.router, kserve.router)
"""The routes of one model: those of every protocol."""
