"""`python -m profile_service`."""

from chassis.early import end_on_sigterm

end_on_sigterm()

from chassis.service import run  # noqa: E402

from .app import create_app  # noqa: E402
from .settings import Settings  # noqa: E402

if __name__ == "__main__":
    run(create_app, Settings, service_name="profile")
