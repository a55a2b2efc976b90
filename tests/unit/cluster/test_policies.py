"""What network policies become."""

from typing import Any

import pytest

from tests.cluster.onenode.policies import Pod, World, rules

GATEWAY = Pod("parley", {"app": "gateway"}, "10.0.0.1")
CHAT = Pod("parley", {"app": "chat"}, "10.0.0.2")
NAMES = Pod("kube-system", {"k8s-app": "kube-dns"}, "10.0.0.3")
STRANGER = Pod("other", {"app": "gateway"}, "10.0.0.4")
NAMESPACES = {name: {"name": name} for name in ("parley", "kube-system", "other")}


def policy(selector: dict[str, str], **spec: Any) -> dict[str, Any]:
    """One of the namespace `parley`."""
    types = ["Ingress", "Egress"]
    selects = {"podSelector": {"matchLabels": selector}, "policyTypes": types}
    return {"metadata": {"namespace": "parley"}, "spec": {**selects, **spec}}


def lines(*policies: dict[str, Any]) -> list[str]:
    """The rules, without chains and declarations."""
    made = rules(World([GATEWAY, CHAT, NAMES, STRANGER], NAMESPACES, list(policies)))
    return [line for line in made.splitlines() if line.startswith("-A") and "POLICIES" not in line]


def test_a_pod_that_is_selected_without_a_rule_is_alone() -> None:
    assert lines(policy({"app": "chat"})) == ["-A E-10.0.0.2 -j DROP", "-A I-10.0.0.2 -j DROP"]


def test_pods_of_the_same_namespace_are_let_in_by_their_labels() -> None:
    ingress = [{"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}], "ports": [{"port": 8000}]}]
    found = lines(policy({"app": "chat"}, ingress=ingress))
    assert "-A I-10.0.0.2 -s 10.0.0.1/32 -p tcp -m tcp --dport 8000 -j RETURN" in found
    assert not [line for line in found if STRANGER.address in line]


def test_other_namespaces_are_reached_by_theirs() -> None:
    peer = {
        "namespaceSelector": {"matchLabels": {"name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    egress = [{"to": [peer], "ports": [{"port": 53, "protocol": "UDP"}]}]
    found = lines(policy({"app": "chat"}, egress=egress))
    assert found[0] == "-A E-10.0.0.2 -d 10.0.0.3/32 -p udp -m udp --dport 53 -j RETURN"


def test_a_rule_without_peers_is_for_everybody_and_one_whose_peers_are_not_there_for_nobody() -> None:
    assert "-A E-10.0.0.2 -p tcp -m tcp --dport 5432 -j RETURN" in lines(
        policy({"app": "chat"}, egress=[{"ports": [{"port": 5432, "protocol": "TCP"}]}])
    )
    nobody = [{"to": [{"podSelector": {"matchLabels": {"app": "none"}}}], "ports": [{"port": 5432}]}]
    assert lines(policy({"app": "chat"}, egress=nobody)) == lines(policy({"app": "chat"}))


def test_what_several_policies_allow_is_added_up() -> None:
    block = [{"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}]
    found = lines(policy({}), policy({"app": "chat"}, egress=block))
    assert "-A E-10.0.0.2 -d 10.9.0.0/16 -j RETURN" in found
    assert "-A E-10.0.0.1 -j DROP" in found


def test_selectors_that_are_not_understood_are_no_silent_permission() -> None:
    odd = policy({}, podSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})
    with pytest.raises(ValueError, match="not understood"):
        lines(odd)
