"""Settings of the notify function."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from functions.shared.environment import Environment


class Settings(Environment):
    """Environment of the function."""

    bucket: str = Field(alias="EVERGREEN_BUCKET")
    topic: str = Field(alias="EVERGREEN_ALERT_TOPIC")
    webhook_parameter: str = Field(alias="EVERGREEN_ALERT_WEBHOOK_PARAMETER")
    """Name of the parameter that holds the webhook's address, which is a secret."""
    region: str = Field(alias="AWS_REGION")
    emulator: str | None = Field(alias="AWS_ENDPOINT_URL", default=None)
    """Address of an emulator; not set on AWS."""

    def link(self, key: str) -> str:
        """Return the web address of an object in the data bucket.

        On AWS it is a page of the console, which asks for sign-in. A presigned address would expire
        with the function's credentials, and every reader of a forwarded mail could open it.
        """
        if self.emulator:
            return f"{self.emulator.rstrip('/')}/{self.bucket}/{key}"
        console = f"https://{self.region}.console.aws.amazon.com/s3/object/{self.bucket}"
        return f"{console}?region={self.region}&prefix={key}"


@cache
def settings() -> Settings:
    """Read the environment once."""
    return Settings.read()
