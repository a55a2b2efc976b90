import { useState } from "react";

import { titleOf, unread, type AppState, type RoomState, type Session } from "../client";
import { Avatar, RoomAvatar } from "./Avatar";
import type { Asked } from "./Chat";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { nextTheme, themeName } from "./theme";
import { short } from "./times";

interface Props {
  state: AppState;
  rooms: readonly RoomState[];
  openId: string | null;
  onOpen: (id: string) => void;
  onAsk: (asked: Asked) => void;
  session: Session;
}

/** My rooms, latest activity first, and what I can do besides talking. */
export function Sidebar({ state, rooms, openId, onOpen, onAsk, session }: Props) {
  const [filter, setFilter] = useState("");
  const [theme, setTheme] = useState(themeName);
  const wanted = filter.trim().toLowerCase();
  const shown = wanted ? rooms.filter(({ room }) => titleOf(room).toLowerCase().includes(wanted)) : rooms;
  return (
    <nav className="sidebar" aria-label="Rooms">
      <header>
        <Menu
          label={
            <>
              {state.self && <Avatar user={state.self} size={32} presence={false} />}
              <span className="me">
                {state.self?.full_name ?? state.me?.username}
                <span className="unseen">, @{state.me?.username}</span>
              </span>
            </>
          }
        >
          <button onClick={() => onAsk("profile")}>Profile</button>
          <button onClick={() => onAsk("sessions")}>Sessions</button>
          <button onClick={() => setTheme(nextTheme())}>Theme: {theme}</button>
          <button onClick={() => void session.logout().catch(() => undefined)}>Sign out</button>
        </Menu>
        <span className="actions">
          <button className="icon" aria-label="New group" title="New group" onClick={() => onAsk("group")}>
            <Icon name="group" />
          </button>
          <button className="icon" aria-label="New chat" title="New chat" onClick={() => onAsk("chat")}>
            <Icon name="add" />
          </button>
        </span>
      </header>
      <input
        type="search"
        aria-label="Find a room"
        placeholder="Find a room"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      <ul>
        {shown.map((one) => (
          <li key={one.room.id}>
            <RoomButton one={one} state={state} current={one.room.id === openId} onOpen={onOpen} />
          </li>
        ))}
        {!state.loaded && <li className="muted loading">Loading rooms …</li>}
        {wanted && shown.length === 0 && <li className="muted loading">No room has that name.</li>}
        {state.loaded && !wanted && rooms.length === 0 && <li className="muted loading">Your rooms will be here.</li>}
      </ul>
    </nav>
  );
}

function RoomButton({ one, state, current, onOpen }: { one: RoomState; state: AppState; current: boolean; onOpen: (id: string) => void }) {
  const { room } = one;
  const waiting = unread(room);
  const typing = [...one.typing.keys()].some((user) => user !== state.me?.user_id);
  return (
    <button className="room" aria-current={current ? "true" : undefined} onClick={() => onOpen(room.id)}>
      <RoomAvatar room={room} />
      <span className="text">
        <span className="title">
          {titleOf(room)}
          {room.friend?.is_online && <span className="unseen">, online</span>}
          {room.muted && (
            <span className="muted-mark" role="img" aria-label="muted" title="Muted">
              <Icon name="muted" size={14} />
            </span>
          )}
        </span>
        <span className={typing ? "last typing" : "last"}>{typing ? "typing …" : room.last_message || (room.last_seq > 0 ? "Message deleted" : "No messages yet")}</span>
      </span>
      <span className="side">
        <time dateTime={room.last_message_at ?? undefined}>{room.last_message_at ? short(room.last_message_at) : ""}</time>
        {waiting > 0 && (
          <span className="badge">
            {waiting > 99 ? "99+" : waiting}
            <span className="unseen"> unread</span>
          </span>
        )}
      </span>
    </button>
  );
}
