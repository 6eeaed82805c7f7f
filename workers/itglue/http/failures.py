"""What a call to IT Glue may come to besides an answer, in the words of the result object.

    ITGlueConnectionError
    └── CallFailed              unreachable, 429, 5xx, a redirect, an answer that is not JSON:API
        ├── AnswerTimedOut      nothing, or not all of it, within the time limit
        ├── AnswerTooLarge      more than the limit; not retryable
        ├── ResourceMissing     404
        ├── RequestRefused      400, 415, 422 and their like; not retryable
        ├── ExportUnproved      a file that does not hold what an export must
        └── WrongExport         of another organization or the whole account; not retryable
    PermissionDenied
    └── KeyRefused              401, 403

A 404 is no `OrganizationNotFound` by itself: a wrong address gets one as well, so only the read
of one organization by its id may conclude that.
"""

from typing import ClassVar

from adapters.errors import ITGlueConnectionError, PermissionDenied


class CallFailed(ITGlueConnectionError):
    """IT Glue did not give the answer that was asked for.

    `status` is `None` if no status line arrived. `retry_after` is in seconds, from the answer's
    `Retry-After`. `sent` is false only if it is certain that IT Glue did not get the request.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.sent = sent


class AnswerTimedOut(CallFailed):
    """A smaller page may be answered in time."""


class AnswerTooLarge(CallFailed):
    """A smaller page may fit; the same one will not."""

    retryable: ClassVar[bool] = False


class ResourceMissing(CallFailed):
    """404. `page`: the body was an HTML page, which a wrong path gets as well as a missing record.

    Source: https://github.com/itglue/powershellwrapper/issues/140.
    """

    def __init__(self, message: str, *, page: bool) -> None:
        super().__init__(message, status=404)
        self.page = page


class RequestRefused(CallFailed):
    """IT Glue understood the request and does not do it. `page`: the body was an HTML page."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, status: int, page: bool = False) -> None:
        super().__init__(message, status=status)
        self.page = page


class WrongExport(CallFailed):
    """An export that is not the one asked for. Asking again might build a dangerous file again."""

    retryable: ClassVar[bool] = False


class ExportUnproved(CallFailed):
    """The file of an export cannot be relied on as the only copy. Another one may be."""


class KeyRefused(PermissionDenied):
    """IT Glue refuses the key, or refuses it this resource."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
