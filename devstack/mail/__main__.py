"""`python -m devstack.mail`."""

from chassis.service import run

from .app import Settings, create_app

if __name__ == "__main__":
    run(create_app, Settings, service_name="mail")
