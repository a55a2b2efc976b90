"""Network policies, enforced: `python -m tests.cluster.onenode.policies PKI-FOLDER` looks twice a second what they say.

Each pod that is selected has a chain of iptables for what it may send and one for what may be sent to it; what neither
names is dropped. Pods are reached by a route each, so all that they say is forwarded by this node, or meant for it.
What comes from the node itself, as probes do, is let in, as everywhere. Selectors are by `matchLabels` only.
"""

import ipaddress
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from .programs import SERVER

PERIOD_SECONDS = 0.5
MAIN = "POLICIES"
Labels = Mapping[str, str]


class Pod(msgspec.Struct, frozen=True):
    """What of a pod matters."""

    namespace: str
    labels: dict[str, str]
    address: str


class World(msgspec.Struct, frozen=True):
    """Arguments:
    pods: that have an address.
    namespaces: their labels by their names.
    policies: as they stand in the API.
    """

    pods: list[Pod]
    namespaces: dict[str, dict[str, str]]
    policies: list[dict[str, Any]]


def rules(world: World) -> str:
    """What iptables-restore reads."""
    heads, jumps, bodies = [f":{MAIN} - [0:0]"], [], []
    for pod in world.pods:
        for direction, flag in (("Egress", "-s"), ("Ingress", "-d")):
            selecting = [policy for policy in world.policies if _selects(policy, pod, direction)]
            if not selecting:
                continue
            chain = f"{direction[0]}-{pod.address}"
            heads.append(f":{chain} - [0:0]")
            jumps.append(f"-A {MAIN} {flag} {pod.address}/32 -j {chain}")
            allowed = {match for policy in selecting for match in _matches(policy, direction, world)}
            bodies += [f"-A {chain} {match} -j RETURN" for match in sorted(allowed)]
            bodies.append(f"-A {chain} -j DROP")
    answers = f"-A {MAIN} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
    return "\n".join(["*filter", *heads, answers, *jumps, *bodies, "COMMIT", ""])


def _selects(policy: Mapping[str, Any], pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and direction in spec["policyTypes"] and _fits(spec.get("podSelector") or {}, pod.labels)


def _fits(selector: Mapping[str, Any], labels: Labels) -> bool:
    if selector.keys() - {"matchLabels"}:
        raise ValueError(f"selectors like {selector} are not understood")
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())


def _matches(policy: Mapping[str, Any], direction: str, world: World) -> Iterable[str]:
    peers, flag = ("to", "-d") if direction == "Egress" else ("from", "-s")
    for rule in policy["spec"].get(direction.lower()) or []:
        ports = [_port(port) for port in rule.get("ports") or [{}]]
        addresses = {f"{flag} {one}" for peer in rule.get(peers) or [] for one in _addresses(peer, policy, world)}
        everywhere = {""} if not rule.get(peers) else addresses
        yield from (f"{one} {port}".strip() for one in everywhere for port in ports)


def _port(port: Mapping[str, Any]) -> str:
    if not port:
        return ""
    protocol = port.get("protocol", "TCP").lower()
    return f"-p {protocol}" + (f" -m {protocol} --dport {int(port['port'])}" if "port" in port else "")


def _addresses(peer: Mapping[str, Any], policy: Mapping[str, Any], world: World) -> Iterable[str]:
    if "ipBlock" in peer:
        yield str(ipaddress.ip_network(peer["ipBlock"]["cidr"]))
        return
    spaces = peer.get("namespaceSelector")
    for pod in world.pods:
        if spaces is None:
            here = pod.namespace == policy["metadata"]["namespace"]
        else:
            here = _fits(spaces, world.namespaces[pod.namespace])
        if here and _fits(peer.get("podSelector") or {}, pod.labels):
            yield f"{pod.address}/32"


def _look(client: httpx.Client) -> World:
    def items(path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.get(path).raise_for_status().json()["items"]
        return found

    spaces = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in items("/api/v1/namespaces")}
    pods = [
        Pod(one["metadata"]["namespace"], one["metadata"].get("labels") or {}, one["status"]["podIP"])
        for one in items("/api/v1/pods")
        if one["status"].get("podIP") and one["status"]["phase"] in ("Pending", "Running")
        if not one["spec"].get("hostNetwork")
    ]
    return World(pods, spaces, items("/apis/networking.k8s.io/v1/networkpolicies"))


def main() -> None:
    """Enforce, for ever."""
    folder = Path(sys.argv[1])
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    trust.load_cert_chain(folder / "admin.crt", folder / "admin.key")
    before = ""
    with httpx.Client(base_url=SERVER, verify=trust, trust_env=False) as client:
        while True:
            try:
                wanted = rules(_look(client))
            except (httpx.HTTPError, KeyError) as error:  # a namespace may have come between the questions
                print(f"cannot look: {error!r}", flush=True)
            else:
                if wanted != before:
                    _put(wanted, first=not before)
                    before = wanted
            time.sleep(PERIOD_SECONDS)


def _put(wanted: str, *, first: bool) -> None:
    subprocess.run(["iptables-restore", "--noflush", "--wait"], input=wanted, text=True, check=True)
    if first:
        for chain in ("FORWARD", "INPUT"):
            subprocess.run(["iptables", "--wait", "-I", chain, "1", "-j", MAIN], check=True)


if __name__ == "__main__":
    main()
