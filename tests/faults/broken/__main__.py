"""`python -m tests.faults.broken FILE`: a chat pod that is broken as the file says when it starts."""

import importlib
import sys
from pathlib import Path

from chassis.service import run
from chat_service.app import create_app
from chat_service.settings import Settings

if __name__ == "__main__":
    variant = Path(sys.argv[1]).read_text()
    importlib.import_module(f"tests.faults.broken.{variant}").install()
    run(create_app, Settings, service_name="chat")
