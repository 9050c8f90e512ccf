"""Reading a request's body: up to a limit, whatever its Content-Type says.

curl's ``-d`` declares a form, and the examples that people copy use it so; there is only one kind of body here, so the
header decides nothing.
"""

from starlette.requests import Request

from treehold.errors import LimitExceeded

BODY_BYTES_MAX = 1 << 20
"""Default bound of a body. The largest that means anything holds some 6 KB; 1 MiB is what most proxies in front of
such a server take."""


async def read_body(request: Request, *, bytes_max: int) -> bytes:
    """The whole body; raises LimitExceeded as soon as it is known to be longer than that."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > bytes_max:
        raise _too_long(bytes_max)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            raise _too_long(bytes_max)
    return bytes(body)


def _too_long(bytes_max: int) -> LimitExceeded:
    return LimitExceeded(f"the body has more than {bytes_max} bytes")
