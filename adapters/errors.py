"""Every error Unglue raises on purpose has one root, which an answer or a result can be built of.

    UnglueError
    ├── ConfigurationError          a setting is wrong, or cannot be enforced by this build
    ├── InvalidRequest              the caller's body or parameters are not of the documented form
    │   └── InvalidIdentifier       org_id / org_name missing, malformed, contradictory or ambiguous
    ├── Unauthorized                no valid operator token
    │   └── SignatureInvalid        a webhook that its sender did not sign
    ├── RoleMissing                 the operator may not do this
    ├── Forbidden                   a form that this service did not give out
    ├── NotFound                    no such source, deletion, delivery, route
    ├── MethodNotAllowed
    ├── Conflict                    the deletion's state does not allow it
    ├── PayloadTooLarge
    ├── TooManyAttempts             refused for now, because of what came before
    ├── Unavailable                 not now: a part that Unglue depends on does not answer
    │   ├── StorageUnavailable      Redis
    │   └── SigningKeyUnavailable   the vendor's key server
    ├── PsaError                    what a PSA that was asked about a client came to
    │   ├── PsaUnreachable          no answer, 5xx, 429
    │   ├── PsaRefused              401, 403
    │   └── PsaAnswerUnreadable     an answer that is not of the documented form
    └── ITGlueError                 IT Glue's answer, in the words of the result object
        ├── OrganizationNotFound
        ├── PermissionDenied        401, 403
        ├── DeletionBlocked         a gate, or IT Glue itself, refuses
        └── ITGlueConnectionError   unreachable, 5xx, 429, time-out, an answer that is not JSON:API
            └── Postponed           not sent: the request budget is used up until a known time
                └── CallsStopped    not sent: IT Glue refused the API key too often

`code` is what callers match on, `http_status` what a route answers, `retryable` whether the same
attempt may succeed later. The message says what happened and what to do next.
"""

from datetime import datetime
from typing import ClassVar


class UnglueError(Exception):
    """The root. Subclasses choose `code`, `http_status` and `retryable`; instances the message."""

    code: ClassVar[str] = "InternalError"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(UnglueError):
    """A setting is wrong, or names a safeguard that this build cannot enforce."""

    code = "ConfigurationError"


class InvalidRequest(UnglueError):
    """The caller's input is not of the documented form."""

    code = "InvalidRequest"
    http_status = 422


class InvalidIdentifier(InvalidRequest):
    """The organization's identifiers are missing, malformed, contradictory or ambiguous."""

    code = "InvalidIdentifier"


class Unauthorized(UnglueError):
    """No valid operator token."""

    code = "Unauthorized"
    http_status = 401


class SignatureInvalid(Unauthorized):
    """The signature is missing, malformed or wrong; the sender is not the configured one."""

    code = "SignatureInvalid"


class RoleMissing(UnglueError):
    """The operator is known and lacks the role."""

    code = "RoleMissing"
    http_status = 403


class Forbidden(UnglueError):
    """The form is too old, or did not come from the page that it belongs to."""

    code = "Forbidden"
    http_status = 403


class NotFound(UnglueError):
    """Nothing is known under this name."""

    code = "NotFound"
    http_status = 404


class MethodNotAllowed(UnglueError):
    """The route exists and does not take this method."""

    code = "MethodNotAllowed"
    http_status = 405


class Conflict(UnglueError):
    """The state of the deletion does not allow the action."""

    code = "Conflict"
    http_status = 409


class PayloadTooLarge(UnglueError):
    """The body is larger than the limit."""

    code = "PayloadTooLarge"
    http_status = 413


class TooManyAttempts(UnglueError):
    """Refused for now, because of what came before; `retry_after` is in seconds."""

    code = "TooManyAttempts"
    http_status = 429
    retryable = True

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(UnglueError):
    """A part that Unglue depends on does not answer now."""

    code = "Unavailable"
    http_status = 503
    retryable = True


class StorageUnavailable(Unavailable):
    """Redis does not answer, or does not accept writes."""

    code = "StorageUnavailable"


class SigningKeyUnavailable(Unavailable):
    """The vendor's key server does not answer, so genuine and forged cannot be told apart."""

    code = "SigningKeyUnavailable"


class PsaError(UnglueError):
    """A PSA was asked about a client and did not say; `source` is the one it was asked for."""

    http_status = 502

    def __init__(self, message: str, source: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.source = source
        self.retry_after = retry_after


class PsaUnreachable(PsaError):
    """The PSA does not answer now; `retry_after` is in seconds, where it says so."""

    code = "PsaUnreachable"
    retryable = True


class PsaRefused(PsaError):
    """The PSA refuses the credentials, or they may not read what was asked for."""

    code = "PsaRefused"


class PsaAnswerUnreadable(PsaError):
    """The PSA's answer is not of the documented form: it says neither active nor inactive."""

    code = "PsaAnswerUnreadable"
    retryable = True


class ITGlueError(UnglueError):
    """An answer of IT Glue, in the words of the result object."""

    http_status = 502


class OrganizationNotFound(ITGlueError):
    """No organization matches."""

    code = "OrganizationNotFound"


class PermissionDenied(ITGlueError):
    """IT Glue refuses the API key (401, 403)."""

    code = "PermissionDenied"


class DeletionBlocked(ITGlueError):
    """A gate, or IT Glue itself, refuses the deletion."""

    code = "DeletionBlocked"


class ITGlueConnectionError(ITGlueError):
    """IT Glue is unreachable, overloaded, or answers something that is not JSON:API."""

    code = "ITGlueConnectionError"
    retryable = True


class Postponed(ITGlueConnectionError):
    """Nothing was sent: the request budget is used up until `until`. Not a failed attempt."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class CallsStopped(Postponed):
    """Nothing was sent: IT Glue refused the API key too often, and nobody has resumed since."""
