"""What every cluster has beside Kubernetes itself: names of Services."""

from typing import Any

from .programs import COREDNS, DNS_ADDRESS, DOMAIN

NAMESPACE, NAME = "kube-system", "coredns"
LABELS = {"k8s-app": "kube-dns"}  # by which everybody's network policies know it
CONFIGURATION = f"""\
.:53 {{
    errors
    health
    ready
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        ttl 5
    }}
    cache 5
}}
"""


def coredns() -> list[dict[str, Any]]:
    """The objects of CoreDNS, which answers for the cluster's own names only."""
    named = {"name": NAME, "namespace": NAMESPACE}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"system:{NAME}"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": f"system:{NAME}"},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"system:{NAME}"},
            "roleRef": role,
            "subjects": [subject],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"Corefile": CONFIGURATION}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": NAMESPACE},
            "spec": {
                "clusterIP": DNS_ADDRESS,
                "selector": LABELS,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": _deployment()},
    ]


def _deployment() -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": COREDNS,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "serviceAccountName": NAME,
                "dnsPolicy": "Default",
                "priorityClassName": "system-cluster-critical",
                "containers": [container],
                "volumes": [{"name": "configuration", "configMap": {"name": NAME}}],
            },
        },
    }
