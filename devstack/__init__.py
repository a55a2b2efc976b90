"""The whole platform on one machine: engines from wheels, services, one command. See README.md in this folder."""
