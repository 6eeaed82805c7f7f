"""The pages behind an approval link: what they say, as HTML that runs nothing and loads nothing."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from adapters.errors import StorageUnavailable
from service.api.answers import RETRY_AFTER, page_headers
from service.approval.standing import grace_after
from workers.ledger.records import Deletion
from workers.outbox.cleaning import clean
from workers.pipeline.gates.dependencies import LABELS
from workers.pipeline.plan import Plan
from workers.pipeline.terms import terms_of
from workers.settings import Settings
from workers.times.clock import rfc3339
from workers.times.durations import in_words

_TEMPLATES: Final = Environment(
    loader=PackageLoader("service.approval"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_STYLE: Final = _TEMPLATES.get_template("style.css").render()
_HEADERS: Final = page_headers(_STYLE)


class Problem(NamedTuple):
    """What is told above a form that was refused, and the status of that page."""

    lead: str
    why: str
    status: int


def message(
    title: str, text: str, *, status: int = 200, tone: str = "stop", deletion_id: str = "",
    again: bool = False,
) -> HTMLResponse:  # fmt: skip
    """A page that says one thing; `again` offers to open the link once more."""
    shown = {"message": text, "tone": tone, "deletion_id": deletion_id, "again": again}
    return _page("message.html", title, status, **shown)


def plan(
    deletion: Deletion, settings: Settings, form: str, *,
    problem: Problem | None = None, typed: str = "", why: str = "", rejecting: bool = False,
) -> HTMLResponse:  # fmt: skip
    """The plan, and the forms to decide on it; `problem` says what became of the last one."""
    shown, asked = deletion.plan, deletion.asked
    if shown is None or asked is None:
        raise ValueError(f"deletion {deletion.id} waits for no approval")
    organization = replace(shown.organization, name=clean(shown.organization.name))
    return _page(
        "plan.html",
        f"Delete {organization.name}?",
        problem.status if problem else 200,
        organization=organization,
        asked=asked,
        until=rfc3339(asked.until).replace("T", " ").replace("Z", " UTC"),
        requester=" / ".join(clean(part) for part in _requester(deletion) if part),
        reason=clean(deletion.request.reason or "", 2000),
        consequence=consequence(terms_of(deletion, settings)),
        after=_after(deletion, settings),
        deletion_id=deletion.id,
        counts=counts(shown),
        warnings=[clean(warning, 500) for warning in shown.warnings],
        answers=shown.answers,
        passed=[answer.gate for answer in shown.answers if answer.verdict == "pass"],
        exports=settings.policy.export,
        form=form,
        problem=problem,
        typed=typed,
        why=why,
        rejecting=rejecting,
    )


def counts(plan: Plan) -> list[tuple[str, int | None]]:
    """What the organization holds, in words; `None`: it could not be counted."""
    return [
        (LABELS.get(kind, kind.replace("_", " ")), count) for kind, count in plan.counts.items()
    ]


def _page(template: str, title: str, status: int, **shown: Any) -> HTMLResponse:  # noqa: ANN401 - what a template shows
    style = Markup(_STYLE)  # noqa: S704 - our own, and its hash is what the policy allows
    content = _TEMPLATES.get_template(template).render(title=title, style=style, **shown)
    again = {"Retry-After": RETRY_AFTER} if status == StorageUnavailable.http_status else {}
    return HTMLResponse(content, status, {**_HEADERS, **again})


def _requester(deletion: Deletion) -> tuple[str, ...]:
    replayed = f"replayed by {deletion.replayed_by}" if deletion.replayed_by else ""
    actor = "" if deletion.actor == deletion.source else deletion.actor
    return deletion.source, actor, replayed


def consequence(settings: Settings) -> str:
    """What happens to the organization under these terms."""
    policy = settings.policy
    if policy.mode == "soft_delete":
        return f"its status is set to {policy.soft_delete_status!r}; nothing is deleted"
    if policy.export:
        return "it is exported, and then deleted with everything in it"
    return "it is deleted with everything in it; there is no export"


def _after(deletion: Deletion, settings: Settings) -> str:
    left = grace_after(deletion, settings)
    if not left:
        return "at once"
    return f"it waits for {in_words(left)}, in which it can still be cancelled"
