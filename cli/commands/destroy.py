"""`evergreen destroy`: delete a deployment, and say what of it stays."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli.commands.backup import backup_file
from cli.shared import console
from cli.shared.destruction import (
    delete_buckets,
    delete_stacks,
    empty_buckets,
    kept_candidates,
    retained,
    stacks_of,
)
from cli.shared.options import Aws, Json, Stage
from cli.shared.pointer_backup import delete_pointers, take_backup, write_backup
from cli.shared.progress import Steps
from cli.shared.target import choose


def command(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Delete every stack of a deployment.

    On AWS the data bucket, the bucket of its access log and the key stay, because they hold what
    cannot be made again: the request log, the models and the decisions. The command says what stays
    and what it costs. On the laptop everything goes.

    The production pointers are written to a file first and then deleted, so that a new deployment
    does not serve what is no longer there. `evergreen restore FILE` puts them back.

    If the command is interrupted, run it again.

    Next: `evergreen deploy`.
    """
    target = choose(aws=aws, stage=stage)
    stacks = stacks_of(target)
    names = "\n".join(f"  {stack['StackName']}" for stack in stacks)
    console.err.print(f"To be deleted, in this order:\n\n{names}\n", markup=False)
    if not yes:
        typed = typer.prompt(f"Type the name of the stage, {target.stage}, to delete it", err=json)
        if typed != target.stage:
            console.err.print("Nothing was deleted.")
            raise typer.Exit(1)
    candidates = kept_candidates(target, stacks)
    backup = take_backup(target)
    file = backup_file(backup.stage, f"{backup.created_at:%Y%m%dT%H%M%SZ}")
    with Steps() as steps:
        if backup.pointers:  # after an interruption they are in the file of the run before
            write_backup(backup, file)
            with steps.step("pointers", f"Delete {len(backup.pointers)} production pointers"):
                delete_pointers(target, backup.pointers)
        if target.is_emulator:
            with steps.step("buckets", "Empty the buckets"):
                empty_buckets(target, candidates)
        with steps.step("stacks", f"Delete stage {target.stage}") as say:
            delete_stacks(target, stacks, say)
            if target.is_emulator:
                say("the buckets")
                delete_buckets(target, candidates)
    stays = retained(target, candidates)
    if json:
        pointers = str(file) if backup.pointers else None
        console.document({"pointers": pointers, "stays": [asdict(each) for each in stays]})
        return
    if backup.pointers:
        console.out.print(f"\nThe production pointers are in {file}", soft_wrap=True, markup=False)
    for each in stays:
        cost = "" if each.dollars is None else f": ${each.dollars:.2f} a month"
        console.out.print(
            f"\n{each.what}, stays{cost}. To delete it:\n\n  {each.removal}",
            soft_wrap=True,
            markup=False,
        )
