"""The command lines and configurations of a cluster's programs."""

import json
from pathlib import Path
from typing import Any

from .machine import NODE_ADDRESS
from .pki import Authority

NODE = "onenode"
SERVICES, SERVICE_ADDRESS, DNS_ADDRESS = "10.91.0.0/16", "10.91.0.1", "10.91.0.10"
PODS = "10.92.0.0/16"
SERVER = f"https://{NODE_ADDRESS}:6443"
DOMAIN = "cluster.local"
PAUSE, COREDNS = "localhost/pause:onenode", "localhost/coredns:onenode"
CONTAINERD = "/run/containerd/containerd.sock"
NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")


def etcd(folder: Path) -> list[str]:
    """The store; it need not outlive a power cut."""
    return ["etcd", f"--data-dir={folder}/etcd", "--unsafe-no-fsync", "--log-level=warn"]


def apiserver(pki: Authority) -> list[str]:
    """The API."""
    addresses = (NODE_ADDRESS, SERVICE_ADDRESS, "127.0.0.1")
    certificate, key = pki.issue("apiserver", "kube-apiserver", hosts=NAMES, addresses=addresses)
    client, client_key = pki.issue("apiserver-client", "kube-apiserver", "system:masters")
    private, public = pki.keypair("accounts")
    return [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={NODE_ADDRESS}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--client-ca-file={pki.folder}/ca.crt",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--kubelet-client-certificate={client}",
        f"--kubelet-client-key={client_key}",
        f"--service-account-key-file={public}",
        f"--service-account-signing-key-file={private}",
        f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
    ]


def controllers(pki: Authority) -> list[str]:
    """What makes the world as the API says."""
    config = pki.kubeconfig("controllers", "system:kube-controller-manager", None, SERVER)
    return [
        "kube-controller-manager",
        f"--kubeconfig={config}",
        f"--root-ca-file={pki.folder}/ca.crt",
        f"--service-account-private-key-file={pki.folder}/accounts.key",
        "--use-service-account-credentials",
        "--leader-elect=false",
    ]


def scheduler(pki: Authority) -> list[str]:
    """What chooses nodes for pods; there is one."""
    config = pki.kubeconfig("scheduler", "system:kube-scheduler", None, SERVER)
    return ["kube-scheduler", f"--kubeconfig={config}", "--leader-elect=false"]


def proxy(pki: Authority) -> list[str]:
    """What makes the addresses of Services work; limits of connections are the machine's, not ours to set."""
    return [
        "kube-proxy",
        f"--kubeconfig={pki.kubeconfig('proxy', 'system:kube-proxy', None, SERVER)}",
        f"--hostname-override={NODE}",
        f"--cluster-cidr={PODS}",
        "--proxy-mode=iptables",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]


def kubelet(pki: Authority, folder: Path, group: str) -> list[str]:
    """What runs pods.

    Arguments:
        group: the control group below which they run.
    """
    config: dict[str, Any] = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "authentication": {
            "x509": {"clientCAFile": str(pki.folder / "ca.crt")},
            "anonymous": {"enabled": False},
        },
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group}",
        "failCgroupV1": False,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "failSwapOn": False,
        # A full disk of the machine is not what is tested.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "registerNode": True,
        "resolvConf": "",
    }
    path = folder / "kubelet.json"
    path.write_text(json.dumps(config))
    return [
        "kubelet",
        f"--config={path}",
        f"--kubeconfig={pki.kubeconfig('kubelet', f'system:node:{NODE}', 'system:nodes', SERVER)}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
        f"--cert-dir={folder}/kubelet-certificates",
        "--root-dir=/var/lib/kubelet",
    ]


def containerd(folder: Path, plugins: Path) -> list[str]:
    """What runs containers; pods are reached by a route each, so that all they say to each other is forwarded here."""
    network = folder / "cni"
    network.mkdir()
    (network / "10-pods.conflist").write_text(
        json.dumps(
            {
                "cniVersion": "0.4.0",
                "name": "pods",
                "plugins": [
                    {
                        "type": "ptp",
                        "ipMasq": False,
                        "ipam": {
                            "type": "host-local",
                            "ranges": [[{"subnet": PODS}]],
                            "routes": [{"dst": "0.0.0.0/0"}],
                        },
                    },
                    {"type": "portmap", "capabilities": {"portMappings": True}},
                ],
            }
        )
    )
    path = folder / "containerd.toml"
    path.write_text(
        f"""\
version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{network}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""
    )
    return ["containerd", "--config", str(path)]
