"""Lambda: send alerts by e-mail (through SNS) and to a webhook.

It is called asynchronously: by a rule with one of our events, and by the alert topic with
CloudWatch's alarms, which the topic sends by e-mail itself. If an alert cannot be delivered, the
function raises. Lambda tries again, and in the end puts the event into the dead-letter queue, which
an alarm watches. Each channel has its own mark of a sent alert, so no channel gets an alert twice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from evergreen.alerting.formats import as_slack, as_subject, as_text
from evergreen.alerting.messages import alert_of
from evergreen.alerting.once import deliver_once, mark_key
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from functions.notify.alarms import alarms_of
from functions.notify.example_alert import example_alert
from functions.notify.settings import settings
from functions.notify.webhook import check_address, post
from functions.shared import clients
from functions.shared.logs import create_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evergreen.alerting.messages import Alert

logger = create_logger()


class NotDeliveredError(EvergreenError):
    """At least one channel did not get an alert."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Send the alerts, and answer with the outcome of each alert on each channel."""
    outcomes: dict[str, str] = {}
    failures: list[str] = []
    for alert, channel in _deliveries(event):
        place = f"{channel}: {alert.title}"
        try:
            outcomes[place] = _CHANNELS[channel](alert)
        except (EvergreenError, ClientError, BotoCoreError) as error:
            failures.append(f"{place}: {error}")
    logger.info("notified", extra={"outcomes": outcomes, "failures": failures})
    if failures:
        raise NotDeliveredError("; ".join(failures))
    return outcomes


def _deliveries(event: Mapping[str, Any]) -> list[tuple[Alert, str]]:
    if "Records" in event:
        return [(alert, "webhook") for alert in alarms_of(event)]
    if "test" in event:
        alert = example_alert(event["test"])
    else:
        alert = alert_of(event["detail-type"], event["detail"], event["id"])
    return [(alert, channel) for channel in _CHANNELS]


def _publish(alert: Alert) -> str:
    message = as_text(alert, _link(alert))
    publish = partial(
        clients.aws_client("sns").publish,
        TopicArn=settings().topic,
        Subject=as_subject(alert),
        Message=message,
    )
    return _once("email", alert, publish)


def _post(alert: Alert) -> str:
    address = _address()
    if address is None:
        return "no webhook is set up"
    checked = check_address(address, http_allowed=settings().emulator is not None)
    return _once("webhook", alert, partial(post, checked, as_slack(alert, _link(alert))))


_CHANNELS: Mapping[str, Callable[[Alert], str]] = {"email": _publish, "webhook": _post}


def _once(channel: str, alert: Alert, send: Callable[[], object]) -> str:
    storage = clients.storage(settings().bucket)
    sent = deliver_once(storage, mark_key(channel, alert.id), send, clock=utc_now)
    return "sent" if sent else "had been sent before"


def _link(alert: Alert) -> str | None:
    return settings().link(alert.report) if alert.report else None


def _address() -> str | None:
    """Read the webhook's address for each alert, so that a new address is used at once."""
    ssm = clients.aws_client("ssm")
    try:
        found = ssm.get_parameter(Name=settings().webhook_parameter, WithDecryption=True)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise
    return str(found["Parameter"]["Value"])
