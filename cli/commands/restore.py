"""`evergreen restore`: put the production pointers of a backup back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.shared import console
from cli.shared.options import Aws, Json, Stage
from cli.shared.pointer_backup import read_backup, restore_pointer
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.errors import EvergreenError


def command(
    file: Annotated[Path, typer.Argument(help="What `evergreen backup` wrote.")],
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Only this model; several times for several. Default: all of the file."),
    ] = None,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Put the versions of a backup into production again.

    Each bundle is verified first. If it is in the bucket of a deployment that was destroyed, it is
    copied into the new one, with its data set and the registry. A model that cannot be
    restored is named, and the others are restored. Run it again at any time: what is in production
    already stays.

    Next: `evergreen status`.
    """
    backup = read_backup(file)
    unknown = set(model or ()) - set(backup.pointers)
    if unknown:
        raise EvergreenError(
            f"it has no model {', '.join(sorted(unknown))}",
            where=str(file),
            fix=f"It has {', '.join(backup.pointers) or 'none'}.",
        )
    target = choose(aws=aws, stage=stage)
    failures = []
    restored = {}
    with Steps() as steps:
        for name in model or backup.pointers:
            pointer = backup.pointers[name]
            with steps.step(name, f"Restore version {pointer.version} of {name}") as say:
                try:
                    changed = restore_pointer(target, name, pointer, say)
                except EvergreenError as error:
                    failures.append(f"{name}: {error}")
                    say("failed")
                else:
                    restored[name] = {"version": pointer.version, "changed": changed}
                    say("in production again" if changed else "was in production already")
    if json:
        console.document({"restored": restored, "failures": failures})
    if failures:
        raise EvergreenError("not restored: " + "; ".join(failures))
