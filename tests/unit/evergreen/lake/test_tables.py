"""Where the tables' objects lie, and which of several rows with one key counts."""

from __future__ import annotations

from datetime import date

from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.lake.tables import LABELS, REQUEST_LOG

DAY = date(2026, 3, 1)


def test_prefixes_are_the_contract() -> None:
    assert REQUEST_LOG.raw_prefix("m", DAY) == request_log_landing_prefix("m") + "2026/03/01/"
    assert REQUEST_LOG.day_landed("m", "request-log/raw/model=m/2026/03/01/12/one") == DAY
    assert REQUEST_LOG.day_landed("m", "request-log/raw/model=m/2026-03-01/one") is None
    assert REQUEST_LOG.table_prefix("m") == "request-log/table/model=m/"
    assert LABELS.held_prefix("m") == "labels/held/model=m/"
    assert (
        REQUEST_LOG.rejected_key("m", DAY, "x")
        == "rejected/request-log/model=m/dt=2026-03-01/x.jsonl"
    )


def test_a_table_has_a_name_that_every_engine_takes() -> None:
    assert [kind.table_name("m") for kind in (REQUEST_LOG, LABELS)] == ["m_request_log", "m_labels"]
