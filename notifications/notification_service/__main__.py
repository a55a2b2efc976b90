"""`python -m notification_service`."""

from chassis.service import run

from .app import create_app
from .settings import Settings

if __name__ == "__main__":
    run(create_app, Settings, service_name="notifications")
