"""A safeguard that means nothing in the account is said to."""

from service.doctor.itglue import idle
from workers.itglue.models import Organization
from workers.settings.policy import PolicySettings

ACCOUNT = (
    Organization(id="1", name="[MSP] Own", type="Owner"),
    Organization(id="2", name="Acme", type="Customer"),
)


def test_what_means_something_is_not_named() -> None:
    policy = PolicySettings(
        protected_names=("[msp]*", "acme "),
        protected_types=("owner", "\u041ewn\u0435r"),
        eligible_types=("Customer",),
        protected_ids=("1",),
        only_ids=("2",),
    )
    assert idle(policy, ACCOUNT) == ()


def test_what_means_nothing_is_named_with_its_setting() -> None:
    policy = PolicySettings(
        protected_names=("MPS*",),
        protected_types=("Owners",),
        eligible_types=("customer",),
        protected_ids=("3",),
        only_ids=("4",),
    )
    lines = idle(policy, ACCOUNT)
    assert [line.split(": ")[0] for line in lines] == [
        "policy.protected_names",
        "policy.protected_types",
        "policy.eligible_types",
        "policy.protected_ids",
        "policy.only_ids",
    ]
