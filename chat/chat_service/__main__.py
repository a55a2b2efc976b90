"""`python -m chat_service`: a chat pod."""

from chassis.early import end_on_sigterm

end_on_sigterm()

from chassis.service import run  # noqa: E402

from .app import create_app  # noqa: E402
from .settings import Settings  # noqa: E402

run(create_app, Settings, service_name="chat")
