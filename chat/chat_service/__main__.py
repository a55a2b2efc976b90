"""`python -m chat_service`: a chat pod."""

from chassis.service import run

from .app import create_app
from .settings import Settings

run(create_app, Settings, service_name="chat")
