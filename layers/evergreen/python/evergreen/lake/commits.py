"""Commits: rows and the list of the raw objects that they come from, in one step.

pyiceberg tries a commit again that met another one. It is not tried again if the other one has
changed which raw objects the table holds: then some rows may be in the table already, and the
compaction has to look anew.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles, _OverwriteFiles

from evergreen.lake.held import held_lists, held_property

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

CONFLICTS = (CommitFailedException, ValidationException)
"""What a commit raises if another one came first and nothing of this one has happened."""


class HeldChangedError(ValidationException):
    """Another compaction has committed since the list of held objects was read."""


class _KeepsFiles:
    """Deletes no file if a commit fails.

    pyiceberg would delete the manifests, and a commit that was reported as failed may have
    happened: then no snapshot could be read. :mod:`evergreen.lake.upkeep` removes what is left.
    """

    _uncommitted_manifests: list[str]

    def _cleanup_uncommitted(self) -> None:
        self._uncommitted_manifests.clear()

    def _clean_all_uncommitted(self) -> None:
        self._uncommitted_manifests.clear()


class _Append(_KeepsFiles, _FastAppendFiles):
    """An append that holds only while the table holds the same raw objects as before."""

    def __init__(
        self, transaction: Transaction, table: Table, expected: Mapping[date, str]
    ) -> None:
        super().__init__(Operation.APPEND, transaction, table.io, uuid.uuid4())
        self._expected = expected

    def _validate_concurrency(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse if the table holds other raw objects than expected."""
        if held_lists(self._transaction._table) != self._expected:  # noqa: SLF001 - pinned version
            raise HeldChangedError("another compaction has added rows to the table")


class _Replacement(_KeepsFiles, _OverwriteFiles):
    """Files for others; pyiceberg refuses if one of the others is in the table no more."""


def append(
    table: Table,
    files: Iterable[DataFile],
    expected: Mapping[date, str],
    day: date,
    held: str,
) -> None:
    """Add files to a table, together with the list of what it holds of a day.

    Parameters
    ----------
    table
        The table.
    files
        New files; there may be none, if all rows were duplicates.
    expected
        The lists of the table when it was read which rows are new; see :func:`held_lists`.
    day, held
        A day of landing, and the key of its new list.

    Raises
    ------
    pyiceberg.exceptions.CommitFailedException, pyiceberg.exceptions.ValidationException
        If another commit came first; see :data:`CONFLICTS`. Read the table anew and start again.
    """
    with table.transaction() as transaction:
        added = _Append(transaction, table, expected)
        added.check()
        transaction.set_properties({held_property(day): held})
        for file in files:
            added.append_data_file(file)
        # Also without files: a snapshot lets no other commit come in between unseen.
        added.commit()


def replace(
    table: Table, old: Iterable[DataFile], new: Iterable[DataFile], free: Iterable[date] = ()
) -> None:
    """Replace files of a table by others.

    Parameters
    ----------
    free
        Days of landing of which the table holds nothing from now on.

    Raises
    ------
    pyiceberg.exceptions.CommitFailedException, pyiceberg.exceptions.ValidationException
        If another commit came first; see :data:`CONFLICTS`.
    """
    with table.transaction() as transaction:
        names = [held_property(day) for day in free]
        if names:
            transaction.remove_properties(*names)
        change = _Replacement(Operation.OVERWRITE, transaction, table.io, uuid.uuid4())
        for file in old:
            change.delete_data_file(file)
        for file in new:
            change.append_data_file(file)
        change.commit()
