"""The CDK app: the stacks, their constructs and their settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# When aws-cdk-lib is imported, it starts the first `node` on PATH. Our Node comes from a locked
# wheel beside this interpreter. A system's Node may be missing or past its end of life.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
