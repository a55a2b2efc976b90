"""A Kubernetes cluster of one node, in namespaces of its own: `python -m tests.cluster.onenode COMMAND`."""
