import { useEffect, useState, useSyncExternalStore } from "react";

import { ApiError, type Parley, type Session } from "../client";
import { Chat } from "./Chat";
import { SignIn } from "./SignIn";

const AGAIN = 3000;

/** Who is signed in sees the chat, everybody else the door. */
export function App({ session, parley }: { session: Session; parley: Parley }) {
  const state = useSyncExternalStore(parley.subscribe, parley.snapshot);
  const [known, setKnown] = useState(false);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const restore = () => {
      comeBack(session)
        .then((error) => {
          setProblem(error);
          setKnown(true);
        })
        .catch(() => {
          setProblem("The server cannot be reached. Trying again …");
          timer = setTimeout(restore, AGAIN);
        });
    };
    restore();
    return () => clearTimeout(timer);
  }, [session]);

  if (state.me !== null) return <Chat session={session} parley={parley} state={state} />;
  if (!known) return <Splash problem={problem} />;
  return <SignIn session={session} problem={problem} />;
}

/** From a provider's login, or from an earlier visit. Returns what went wrong, as a sentence. */
async function comeBack(session: Session): Promise<string> {
  const query = new URLSearchParams(location.search);
  const code = query.get("code");
  const error = query.get("error_description") ?? query.get("error");
  if (code !== null || error !== null) history.replaceState(null, "", location.pathname);
  if (error !== null) return `Signing in did not work: ${error}`;
  if (code !== null) {
    try {
      await session.exchange(code);
      return "";
    } catch (failure) {
      return failure instanceof ApiError ? failure.detail : "Signing in did not work.";
    }
  }
  await session.restore();
  return "";
}

function Splash({ problem }: { problem: string }) {
  return (
    <main className="splash">
      <Logo />
      <p role="status">{problem || "Connecting …"}</p>
    </main>
  );
}

export function Logo() {
  return <img className="logo" src="/favicon.svg" alt="" width={48} height={48} />;
}
