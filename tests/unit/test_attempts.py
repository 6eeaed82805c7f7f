"""The allowance of senders whose deliveries are not genuine."""

from service.access.attempts import FailedAttempts


class Seconds:
    """A monotonic clock in the test's hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_sixty_at_once_then_one_a_second() -> None:
    seconds = Seconds()
    attempts = FailedAttempts(seconds)
    assert not attempts.spent("8.8.8.8", "cw")
    assert [attempts.fail("8.8.8.8", "cw") for _ in range(61)] == [True] * 60 + [False]
    assert attempts.spent("8.8.8.8", "cw")
    seconds.now += attempts.refills_in
    assert not attempts.spent("8.8.8.8", "cw")
    assert [attempts.fail("8.8.8.8", "cw") for _ in range(3)] == [True, False, False]
    assert (attempts.unsaid("cw"), attempts.unsaid("cw")) == (3, 0)


def test_each_peer_and_source_has_its_own() -> None:
    attempts = FailedAttempts(Seconds())
    for _ in range(100):
        attempts.fail("8.8.8.8", "cw")
    assert attempts.spent("8.8.8.8", "cw")
    assert not attempts.spent("8.8.4.4", "cw")
    assert not attempts.spent("8.8.8.8", "halo")
    assert attempts.unsaid("halo") == 0


def test_it_fills_up_to_what_it_was() -> None:
    seconds = Seconds()
    attempts = FailedAttempts(seconds)
    for _ in range(60):
        attempts.fail("8.8.8.8", "cw")
    seconds.now += 86400
    assert [attempts.fail("8.8.8.8", "cw") for _ in range(61)].count(True) == 60


def test_its_memory_is_bounded() -> None:
    attempts = FailedAttempts(Seconds())
    for number in range(10_000):
        attempts.fail(f"peer {number}", "cw")
    assert len(attempts._senders) == 4096
