import { useEffect, useState, useSyncExternalStore } from "react";

import { sorted, unread, type AppState, type Parley, type Session } from "../client";
import { Logo } from "./App";
import { NewGroup, NewChat } from "./NewRoom";
import { ProfileDialog } from "./ProfileDialog";
import { RoomView } from "./RoomView";
import { SessionsDialog } from "./SessionsDialog";
import { Sidebar } from "./Sidebar";

export type Asked = "chat" | "group" | "profile" | "sessions" | null;

/** The chat: rooms on the left, one of them on the right; on a phone one or the other. */
export function Chat({ session, parley, state }: { session: Session; parley: Parley; state: AppState }) {
  const [openId, setOpenId] = useState<string | null>(() => location.hash.slice(1) || null);
  const [asked, setAsked] = useState<Asked>(null);
  const rooms = sorted(state.rooms.values());
  const open = openId === null ? undefined : state.rooms.get(openId);
  const total = rooms.reduce((sum, { room }) => sum + unread(room), 0);

  useEffect(() => {
    document.title = total > 0 ? `(${total}) Parley` : "Parley";
  }, [total]);
  useEffect(() => {
    const follow = () => setOpenId(location.hash.slice(1) || null);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  const enter = (id: string | null) => {
    history.pushState(null, "", id === null ? location.pathname : `#${id}`);
    setOpenId(id);
    setAsked(null);
  };

  return (
    <div className={open ? "chat has-room" : "chat"}>
      <Banner connection={state.connection} />
      <Sidebar state={state} rooms={rooms} openId={openId} onOpen={enter} onAsk={setAsked} session={session} />
      {open ? (
        <RoomView key={open.room.id} parley={parley} state={state} one={open} onLeave={() => enter(null)} />
      ) : (
        <main className="nothing">
          <Logo />
          {state.loaded && rooms.length === 0 ? (
            <>
              <h2>Nobody to talk to yet</h2>
              <p>Begin a chat with somebody by their username.</p>
              <button className="primary" onClick={() => setAsked("chat")}>
                New chat
              </button>
            </>
          ) : (
            <p>Choose a room to read and write.</p>
          )}
        </main>
      )}
      {asked === "chat" && <NewChat parley={parley} onOpen={enter} onClose={() => setAsked(null)} />}
      {asked === "group" && <NewGroup parley={parley} onOpen={enter} onClose={() => setAsked(null)} />}
      {asked === "profile" && <ProfileDialog parley={parley} onClose={() => setAsked(null)} />}
      {asked === "sessions" && <SessionsDialog parley={parley} session={session} onClose={() => setAsked(null)} />}
    </div>
  );
}

/** Whether the browser has a network at all; it knows before the socket does. */
function useOnline(): boolean {
  return useSyncExternalStore(
    (changed) => {
      addEventListener("online", changed);
      addEventListener("offline", changed);
      return () => {
        removeEventListener("online", changed);
        removeEventListener("offline", changed);
      };
    },
    () => navigator.onLine,
  );
}

/** Quiet for the first moments of a reconnect, which nobody needs to know of. */
function Banner({ connection }: { connection: AppState["connection"] }) {
  const online = useOnline();
  const [shown, setShown] = useState(false);
  const fine = connection === "open" && online;
  useEffect(() => {
    if (fine) {
      setShown(false);
      return;
    }
    const timer = setTimeout(() => setShown(true), 1500);
    return () => clearTimeout(timer);
  }, [fine]);
  return (
    <div className="banner" role="status" aria-live="polite" hidden={!shown}>
      {shown && (online ? "Reconnecting … what you write is kept and sent then." : "You are offline. What you write is kept and sent when you are back.")}
    </div>
  );
}
