"""The API of one model as a server of its own: on a laptop, or in a container.

It is no Lambda function. It has the routes of :mod:`functions.predict` and those of
:mod:`functions.describe_api` that speak of no deployment. What API Gateway does for a deployment,
:mod:`functions.serve.app` does here: it checks the key and records each answer.
"""

from __future__ import annotations
