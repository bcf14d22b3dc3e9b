"""Build the images of `layers/*/Dockerfile` and run what is in them: `make test-images`.

Everything it makes is in `.evergreen/images`, and deleted at the end.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tests.images.building import ROOT, Image, Workshop
from tests.images.loop import (
    Account,
    check_drift,
    check_mlflow,
    check_serving,
    check_training,
)
from tests.images.running import Program
from tests.support.own_stack import own_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[Account, Program, Callable[[str], None]], None]

IMAGES: tuple[tuple[Image, Check], ...] = (
    (Image("training", ("training", "models")), check_training),
    (Image("serving", ("serving",)), check_serving),
    (Image("drift", ("drift",)), check_drift),
    (Image("mlflow", ("mlflow-server",)), check_mlflow),
)
"""In the order of the loop: each uses what the one before made."""

BASE = "evergreen-base"


def main() -> int:
    """Build and run each image; the first one that fails ends it."""
    folder = ROOT / ".evergreen" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(folder)
    try:
        bases = {image.base for image, _ in IMAGES}
        there = {base for base in bases if workshop.pull(base)}
        for base in sorted(bases):
            how = "is used" if base in there else "cannot be had here, Debian takes its place"
            say(f"base image {base} {how}")
        say("downloading the packages of the locks")
        locks = {lock for image, _ in IMAGES for lock in image.locks}
        workshop.download(*locks, "lambda-runtime", "sql-catalog")
        if bases - there:
            say("making the base of Debian's packages")
            workshop.make_base(BASE)
        tags = {}
        for image, _ in IMAGES:
            say(f"building {image.name}")
            tags[image] = workshop.build(image, None if image.base in there else BASE)
        with own_stack(lambda subject, what: say(f"{subject}: {what}")) as stack:
            account = Account(stack)
            account.create()
            for image, check in IMAGES:
                say(f"running {image.name}")
                with workshop.container(tags[image]) as container:
                    log = folder / f"{image.name}.log"
                    program = Program(workshop, container, account.environment(), log)
                    check(account, program, lambda what: say(f"  {what}"))
    finally:
        workshop.remove()
    say("every image was built, and what is in it works")
    return 0


def say(text: str) -> None:
    """Print a line at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
