"""`evergreen alerts`: show and change where alerts are sent."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shared import console
from cli.shared.alert_settings import Alerting
from cli.shared.options import Aws, Json, Stage
from cli.shared.target import choose

if TYPE_CHECKING:
    from cli.shared.alert_settings import AlertStatus


def command(
    *,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Send alerts to this Slack-compatible webhook from now on (https://…).",
        ),
    ] = None,
    remove_webhook: Annotated[
        bool, typer.Option("--remove-webhook", help="Send alerts to no webhook any more.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Send a test alert to every channel.")
    ] = False,
    redeliver: Annotated[
        bool, typer.Option("--redeliver", help="Send again the alerts that were not delivered.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Show where alerts are sent, set the webhook, or send a test alert.

    Evergreen sends one alert when drift or worse performance begins and one when it ends. It also
    sends an alert for every promotion, rejection and rollback, for a retraining that failed, and
    for CloudWatch's alarms.

    The webhook's address is a secret. It is stored encrypted in Parameter Store, is read for each
    alert, and is never printed. The e-mail address is alert_email in cdk.json.

    Next: evergreen alerts --webhook https://hooks.example.com/… --test
    """
    alerting = Alerting(choose(aws=aws, stage=stage))
    if webhook is not None:
        alerting.set_webhook(webhook)
        console.progress("webhook", "set; the next alert goes to it, without a deployment")
    if remove_webhook:
        removed = alerting.remove_webhook()
        console.progress("webhook", "removed" if removed else "there was none")
    if test:
        console.progress("test", "sending; this takes 20 seconds if a receiver does not answer")
        for place, outcome in alerting.test().items():
            console.progress("test", f"{place}: {outcome}")
    if redeliver:
        for outcome in alerting.redeliver():
            console.progress("sent again", outcome)
    status = alerting.status()
    if json:
        console.document(asdict(status))
    else:
        _show(status)


def _show(status: AlertStatus) -> None:
    lines = {
        "Webhook": status.webhook or "none; set one with --webhook ADDRESS",
        "E-mail": ", ".join(status.emails) or "none; set alert_email in cdk.json and deploy",
        "Not delivered": f"{status.undelivered}"
        + ("; send them again with --redeliver" if status.undelivered else ""),
    }
    for name, value in lines.items():
        console.out.print(f"  {name:<14} {value}", soft_wrap=True, markup=False)
