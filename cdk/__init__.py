"""The CDK app: the stacks and what they share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# aws-cdk-lib starts the first `node` on PATH when it is imported. Ours comes from a locked wheel
# beside this interpreter; a system Node, if there is one at all, may be past its end of life.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
