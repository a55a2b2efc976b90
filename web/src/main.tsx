import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Parley, Session } from "./client";
import { App } from "./ui/App";
import { applyTheme } from "./ui/theme";
import "./ui/style.css";

const session = new Session();
const socketUrl = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const parley = new Parley(session, { socketUrl });

applyTheme();
addEventListener("online", () => parley.wake());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") parley.wake();
});

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App session={session} parley={parley} />
  </StrictMode>,
);
