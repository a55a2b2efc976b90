"""The benchmark: CPU per delivery and per message of real services on real engines; see loadtests/README.md."""
