"""What a deployment says that was interrupted."""

from __future__ import annotations

import pytest

from cli.commands.deploy import saying_how_to_go_on
from cli.shared.target import Target


@pytest.mark.parametrize(
    ("environment", "stage", "command"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "dev", "evergreen deploy"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "two", "evergreen deploy --stage two"),
        ({"AWS_REGION": "eu-central-1"}, "live", "evergreen deploy --aws --stage live"),
    ],
)
def test_an_interruption_names_the_command_that_goes_on(
    environment: dict[str, str],
    stage: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyboardInterrupt), saying_how_to_go_on(Target(stage, environment)):
        raise KeyboardInterrupt
    assert f"`{command}` goes on where this ended" in " ".join(capsys.readouterr().err.split())
