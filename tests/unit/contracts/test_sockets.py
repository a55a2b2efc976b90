"""The mark of a pod, by which gateways and pods of different versions find each other."""

from contracts.sockets import MARK_CHARACTERS, pod_mark


def test_the_mark_of_a_pod_stays_what_it_is() -> None:
    assert pod_mark("10.0.0.1:8000") == "53388e30"
    assert len(pod_mark("[::1]:8000")) == MARK_CHARACTERS
    assert len({pod_mark(f"10.0.{net}.{host}:8000") for net in range(20) for host in range(250)}) == 5000
