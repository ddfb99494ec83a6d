"""What routes are given."""

from typing import cast

from fastapi import Request

from serve.service import Service


def get_service(request: Request) -> Service:
    """The service of the application that the request came to."""
    return cast(Service, request.app.state.service)
