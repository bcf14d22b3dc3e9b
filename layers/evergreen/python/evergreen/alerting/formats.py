"""Alert formats: an e-mail, and the body of a Slack-compatible webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evergreen.alerting.messages import Alert

_LONGEST_SUBJECT = 100  # SNS; ASCII without control characters
_LONGEST_HEADER = 150  # Slack
_LONGEST_SECTION = 3_000
_LONGEST_FIELD = 2_000
_MOST_FIELDS = 10


def headline(alert: Alert) -> str:
    """Return severity and title in one line."""
    return " ".join(f"[{alert.severity}] {alert.title}".split())


def as_subject(alert: Alert) -> str:
    """Return the subject of an e-mail, in the form that SNS accepts."""
    plain = headline(alert).encode("ascii", "replace").decode()
    return "".join(each for each in plain if each.isprintable())[:_LONGEST_SUBJECT]


def as_text(alert: Alert, link: str | None) -> str:
    """Return the alert as plain text; ``link`` leads to its report."""
    parts = [headline(alert), alert.says]
    if alert.facts:
        parts.append("\n".join(f"{fact.name}: {fact.value}" for fact in alert.facts))
    if alert.todo:
        parts.append(alert.todo)
    if link:
        parts.append(f"Report: {link}")
    return "\n\n".join(parts) + "\n"


def as_slack(alert: Alert, link: str | None) -> dict[str, Any]:
    """Return the body of a Slack-compatible webhook.

    Notifications show ``text``. Receivers that do not support blocks use it too.
    """
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(headline(alert), _LONGEST_HEADER)},
        },
        {"type": "section", "text": _markdown(alert.says, _LONGEST_SECTION)},
    ]
    if alert.facts:
        fields = [
            _markdown(fact.value, _LONGEST_FIELD, f"*{_escape(fact.name)}*\n")
            for fact in alert.facts[:_MOST_FIELDS]
        ]
        blocks.append({"type": "section", "fields": fields})
    if alert.todo:
        blocks.append({"type": "section", "text": _markdown(alert.todo, _LONGEST_SECTION)})
    if link:
        text = {"type": "mrkdwn", "text": f"<{_escape(link)}|Open the report>"}
        blocks.append({"type": "section", "text": text})
    return {"text": _escape(f"{headline(alert)}: {alert.says}"), "blocks": blocks}


def _markdown(text: str, longest: int, before: str = "") -> dict[str, str]:
    # Cut before escaping, so that no entity is cut in half. An entity has at most five characters.
    return {"type": "mrkdwn", "text": before + _escape(_cut(text, longest // 5))}


def _escape(text: str) -> str:
    """Escape characters that Slack reads as a mention, a channel or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
