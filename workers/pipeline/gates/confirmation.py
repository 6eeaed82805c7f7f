"""Who says that it shall be done."""

from workers.pipeline.gates.subject import Subject, refusing


@refusing
def confirmation(subject: Subject) -> str | None:
    """A deletion that would act needs a confirmation; a dry run does not.

    Who approves confirms.
    """
    request = subject.request
    previews = request.dry_run or subject.policy.mode == "preview"
    if request.confirm_delete or previews or subject.asks:
        return None
    if subject.by_webhook:
        return "nobody confirmed it: its source has confirm_delete = false and no approval is asked"
    return "confirm_delete is false; ask again with confirm_delete"
