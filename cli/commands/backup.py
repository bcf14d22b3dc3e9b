"""`evergreen backup`: write the production pointers to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.shared import console
from cli.shared.options import Aws, Json, Stage
from cli.shared.pointer_backup import take_backup, write_backup
from cli.shared.target import choose
from local.settings import read_settings


def command(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to write it. Default: .evergreen/backups/<stage>-<time>.json."),
    ] = None,
    *,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Write which version serves each model to a file.

    The file is small: it names the bundles and the data sets, which stay in the data bucket. It is
    all that `evergreen restore` needs after a mistake, or with a new deployment as long as the
    old bucket is there.

    Next: `evergreen restore FILE`.
    """
    target = choose(aws=aws, stage=stage)
    backup = take_backup(target)
    place = file or backup_file(backup.stage, f"{backup.created_at:%Y%m%dT%H%M%SZ}")
    write_backup(backup, place)
    if json:
        console.document({"file": str(place), **backup.model_dump(mode="json")})
        return
    for model, pointer in backup.pointers.items():
        console.out.print(f"  {model:<30} version {pointer.version}", markup=False)
    number = len(backup.pointers)
    what = "pointer is" if number == 1 else "pointers are"
    console.out.print(f"\n{number} {what} in {place}", soft_wrap=True, markup=False)


def backup_file(stage: str, time: str) -> Path:
    """Return where a backup goes unless its place is given."""
    return read_settings().paths.state / "backups" / f"{stage}-{time}.json"
