import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";

import { ApiError, titleOf, type Message, type Parley, type Room } from "../client";
import { Icon } from "./Icon";

const MOST = 4000;
const drafts = new Map<string, string>(); // by room, for as long as the page lives

interface Props {
  parley: Parley;
  room: Room;
  replyTo: Message | null;
  editing: Message | null;
  onDone: () => void;
  onEditLast: () => void;
  onProblem: (problem: string) => void;
}

/** Enter sends, Shift+Enter begins a line, Escape takes back a reply or an edit, the up key edits my last message. */
export function Composer({ parley, room, replyTo, editing, onDone, onEditLast, onProblem }: Props) {
  const [text, setText] = useState(drafts.get(room.id) ?? "");
  const area = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    if (editing) setText(editing.content);
    area.current?.focus();
  }, [editing, replyTo]);
  useEffect(() => {
    if (!editing) drafts.set(room.id, text);
    const element = area.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, 200)}px`;
  }, [text, room.id, editing]);

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    const content = text.trim();
    if (!content || content.length > MOST) return;
    onProblem("");
    if (editing) {
      parley.edit(editing, content).catch((error: unknown) => onProblem(error instanceof ApiError ? error.detail : "The message could not be changed."));
    } else {
      parley.send(room.id, content, replyTo?.seq ?? null);
    }
    setText("");
    onDone();
  };

  const keys = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
    else if (event.key === "ArrowUp" && text === "" && !editing) onEditLast();
    else if (event.key === "Escape" && (editing || replyTo)) {
      if (editing) setText("");
      onDone();
    }
  };

  const about = editing ? "Editing a message" : replyTo ? `Replying to ${replyTo.user.full_name}: ${replyTo.content}` : "";
  return (
    <form className="composer" onSubmit={submit}>
      {about && (
        <p className="about">
          <span>{about}</span>
          <button
            type="button"
            className="icon"
            aria-label="Cancel"
            onClick={() => {
              if (editing) setText("");
              onDone();
            }}
          >
            <Icon name="close" />
          </button>
        </p>
      )}
      <div className="line">
        <textarea
          ref={area}
          rows={1}
          value={text}
          aria-label={`Message to ${titleOf(room)}`}
          placeholder="Write a message"
          onChange={(event) => {
            setText(event.target.value);
            if (!editing && event.target.value) parley.types(room.id);
          }}
          onKeyDown={keys}
        />
        <button className="send" aria-label={editing ? "Save" : "Send"} disabled={!text.trim() || text.trim().length > MOST}>
          <Icon name="send" />
        </button>
      </div>
      {text.length > MOST - 200 && (
        <p className={text.length > MOST ? "error" : "muted"} role="status">
          {text.length} of {MOST} characters
        </p>
      )}
    </form>
  );
}
