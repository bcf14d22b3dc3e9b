"""A query that a state machine has run: what it asked for, and where its output is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from evergreen.errors import OutdatedQueryError
from evergreen.lake.query_output import QueryOutput
from evergreen.storage import Storage


class Statistics(BaseModel):
    """What Athena says about a query that has ended."""

    model_config = ConfigDict(frozen=True)

    manifest: str | None = Field(alias="DataManifestLocation", default=None)
    """The list of the files written; None if there was no row to write."""


class Ran(BaseModel):
    """The answer of Athena, as the state machine keeps it."""

    model_config = ConfigDict(frozen=True)

    statistics: Statistics


class FinishedQuery(BaseModel):
    """A query of ``prepare_query``, and Athena's answer to it."""

    model_config = ConfigDict(frozen=True)

    subject: str
    """Whose rows were asked for: a data set, or a version."""
    end: AwareDatetime | None = None
    """The end of the window, where one was asked for."""
    ran: Ran

    def output(self, storage: Storage, subject: str) -> QueryOutput:
        """Return the rows.

        Raises
        ------
        OutdatedQueryError
            If they are another subject's: production has changed since the query was prepared.
        """
        if self.subject != subject:
            raise OutdatedQueryError(
                "the query read rows for what is no longer in production",
                where=f"{self.subject}, now {subject}",
                fix="The state machine asks again.",
            )
        return QueryOutput(storage, self.ran.statistics.manifest)


OptionalQuery = Annotated[FinishedQuery | None, BeforeValidator(lambda given: given or None)]
"""A query, or nothing where there was nothing to ask for: no field, or an empty object."""
OptionalMoment = Annotated[AwareDatetime | None, BeforeValidator(lambda given: given or None)]
"""A moment, or nothing: no field, or an empty text, because a state machine can default to no null.
"""
