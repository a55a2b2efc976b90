import { useEffect, useState } from "react";

import { titleOf, type AppState, type Message, type Parley, type RoomState } from "../client";
import { RoomAvatar } from "./Avatar";
import { Composer } from "./Composer";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { MessageList } from "./MessageList";
import { InviteDialog, RenameDialog } from "./RoomDialogs";
import { ago } from "./times";

interface Props {
  parley: Parley;
  state: AppState;
  one: RoomState;
  onLeave: () => void;
}

/** One room: who is in it, what was said, and a place to say something. */
export function RoomView({ parley, state, one, onLeave }: Props) {
  const { room } = one;
  const [replyTo, setReplyTo] = useState<Message | null>(null);
  const [editing, setEditing] = useState<Message | null>(null);
  const [asked, setAsked] = useState<"rename" | "invite" | null>(null);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    let alive = true;
    parley.load(room.id).then(
      () => alive && setProblem(""),
      () => alive && setProblem("The messages could not be loaded."),
    );
    return () => void (alive = false);
  }, [parley, room.id, state.connection, one.timeline.loaded]); // a reset has it forgotten

  useEffect(() => {
    const seen = () => {
      if (document.visibilityState === "visible" && document.hasFocus()) parley.read(room.id);
    };
    seen();
    addEventListener("focus", seen);
    return () => removeEventListener("focus", seen);
  }, [parley, room.id, room.last_seq]);

  const lastOwn = one.timeline.messages.findLast((message) => message.direction === "sent" && !message.deleted);
  return (
    <main className="room-view" aria-label={titleOf(room)}>
      <header>
        <button className="icon back" aria-label="Back to the rooms" onClick={onLeave}>
          <Icon name="back" />
        </button>
        <RoomAvatar room={room} />
        <div className="text">
          <h2>{titleOf(room)}</h2>
          <p className="muted">{subtitle(one, state)}</p>
        </div>
        <Menu label="Room actions" icon={<Icon name="more" />}>
          <button onClick={() => void parley.mute(room.id, !room.muted).catch(() => setProblem("That could not be changed. Please try again."))}>
            {room.muted ? "Unmute" : "Mute"}
          </button>
          {room.type === "group" && (
            <>
              <button onClick={() => setAsked("invite")}>Invite somebody</button>
              <button onClick={() => setAsked("rename")}>Rename</button>
              <button onClick={() => void parley.leave(room.id).then(onLeave, () => setProblem("You could not leave the room."))}>Leave</button>
            </>
          )}
        </Menu>
      </header>
      {problem && (
        <p className="error inline" role="alert">
          {problem}
        </p>
      )}
      <MessageList parley={parley} one={one} onReply={setReplyTo} onEdit={setEditing} onProblem={setProblem} />
      <Composer
        parley={parley}
        room={room}
        replyTo={replyTo}
        editing={editing}
        onDone={() => {
          setReplyTo(null);
          setEditing(null);
        }}
        onEditLast={() => lastOwn && setEditing(lastOwn)}
        onProblem={setProblem}
      />
      {asked === "rename" && <RenameDialog parley={parley} room={room} onClose={() => setAsked(null)} />}
      {asked === "invite" && <InviteDialog parley={parley} room={room} onClose={() => setAsked(null)} />}
    </main>
  );
}

function subtitle(one: RoomState, state: AppState): string {
  const typing = [...one.typing.keys()].filter((user) => user !== state.me?.user_id);
  if (typing.length > 0) {
    const names = typing.map((user) => one.timeline.messages.findLast((message) => message.user.id === user)?.user.full_name ?? one.room.friend?.full_name);
    return names.length === 1 && names[0] ? `${names[0]} is typing …` : "typing …";
  }
  const { friend } = one.room;
  if (friend === null) return "Group";
  if (friend.is_online) return "online";
  return friend.last_seen ? `last seen ${ago(friend.last_seen)}` : `@${friend.username}`;
}
