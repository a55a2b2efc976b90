import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { mailLinkOf, Parley, Session } from "./client";
import { App } from "./ui/App";
import { MailPage } from "./ui/MailPage";
import { applyTheme } from "./ui/theme";
import "./ui/style.css";

const link = mailLinkOf(location);
const session = new Session();
const socketUrl = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const parley = new Parley(session, { socketUrl });

applyTheme();
addEventListener("online", () => parley.wake());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") parley.wake();
});

if (link !== null) addEventListener("hashchange", () => location.reload()); // another link was pasted

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    {link === null ? <App session={session} parley={parley} /> : <MailPage link={link} />}
  </StrictMode>,
);
