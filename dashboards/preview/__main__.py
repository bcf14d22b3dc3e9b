"""``make dashboards-preview``: draw each dashboard with what the local stack answers now."""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from PIL import Image

from cli.shared import console
from cli.shared.target import Target
from dashboards.building.build import PROVISIONING
from dashboards.building.prometheus_source import STAGE_LABEL
from dashboards.checking.check import NoTrafficError, local_prometheus
from dashboards.checking.provisioned import replace_variables
from dashboards.preview.cloudwatch_results import LocalStackRange
from dashboards.preview.drawing import draw_board
from dashboards.preview.results import PrometheusRange
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from evergreen.metrics.catalog import MODEL_DIMENSION, NO_MODEL
from local.settings import read_settings
from local.stack import running_stack

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dashboards.preview.results import AnswersPanels

_COLOURS = 192
"""Colours of a picture's palette, which keeps it small."""


class NoPrometheusError(EvergreenError):
    """The local stack runs no Prometheus."""


def command(
    *,
    prometheus: Annotated[
        str | None, typer.Option(help="URL of a Prometheus; by default the local stack's.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model; by default the busiest.")] = None,
    stage: Annotated[str | None, typer.Option(help="The stage; by default the busiest.")] = None,
    minutes: Annotated[int, typer.Option(min=5, help="How far back.")] = 180,
    period: Annotated[int, typer.Option(min=15, help="The variable Period, in seconds.")] = 300,
    folder: Annotated[Path | None, typer.Option(help="Where the pictures are written.")] = None,
) -> None:
    """Draw each dashboard from its JSON and the answers to its queries, as a PNG.

    Prometheus answers for its dashboards, and the local stack's CloudWatch for the others. What
    LocalStack cannot answer is said in the panel.
    """
    settings = read_settings()
    url = prometheus or local_prometheus(settings)
    if url is None:
        raise NoPrometheusError(
            "no Prometheus runs", fix="Install Debian's prometheus, then run `evergreen up`."
        )
    end = utc_now()
    start = end - timedelta(minutes=minutes)
    step = max(15, round(minutes * 60 / 240))
    answers = PrometheusRange(url, start.timestamp(), end.timestamp(), step)
    chosen = model or _busiest(answers, minutes, MODEL_DIMENSION)
    of_stage = _busiest(answers, minutes, STAGE_LABEL) if stage is None else stage
    variables = {"model": chosen, "stage": of_stage, "period": str(period)}
    into = folder or settings.paths.state / "dashboards"
    into.mkdir(parents=True, exist_ok=True)
    sources: dict[str, AnswersPanels] = {"prometheus": answers}
    if prometheus is None:
        target = Target.local(running_stack(settings), of_stage or None)
        sources["cloudwatch"] = LocalStackRange(target.client("cloudwatch"), start, end)
    for source, backend in sources.items():
        for path in sorted((PROVISIONING / "dashboards" / source).glob("*.json")):
            board = replace_variables(json.loads(path.read_text(encoding="utf-8")), variables)
            picture = draw_board(board, backend.panel, start, end)
            to = into / f"{path.stem if source == 'prometheus' else f'{source}-{path.stem}'}.png"
            to.write_bytes(_small(picture))
            console.out.print(f"{to}: {to.stat().st_size // 1024} KB", soft_wrap=True)


def _busiest(answers: PrometheusRange, minutes: int, label: str) -> str:
    asked = f'topk(1, sum by ({label}) (increase(evergreen_predictions_total{{model!="{NO_MODEL}"}}'
    target = {"expr": f"{asked}[{minutes}m])))", "legendFormat": f"{{{{{label}}}}}"}
    found = [line for line in answers.lines(target) if line.values]
    if not found:
        raise NoTrafficError("no model has predicted anything", fix="Send traffic to the API first")
    return max(found, key=lambda line: (line.times[-1], line.values[-1])).name


def _small(picture: Figure) -> bytes:
    """Return a picture as PNG with a palette."""
    drawn, kept = io.BytesIO(), io.BytesIO()
    picture.savefig(drawn, format="png", facecolor=picture.get_facecolor())
    with Image.open(drawn) as whole:
        palette = whole.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        palette.save(kept, format="png", optimize=True)
    return kept.getvalue()


if __name__ == "__main__":
    try:
        typer.run(command)
    except EvergreenError as error:
        console.failure(str(error))
        sys.exit(1)
