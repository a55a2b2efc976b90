import { Fragment, useEffect, useLayoutEffect, useRef, useState } from "react";

import { markOf, type Message, type Parley, type RoomState } from "../client";
import { Icon } from "./Icon";
import { MessageRow, SendingRow } from "./MessageRow";
import { dayKey, dayName } from "./times";

interface Props {
  parley: Parley;
  one: RoomState;
  onReply: (message: Message) => void;
  onEdit: (message: Message) => void;
  onProblem: (problem: string) => void;
}

const NEAR = 80; // pixels from the end that still count as reading the newest
const EARLY = 400; // pixels from the top at which older messages are fetched

/** What was said, oldest first. Stays at the end while one is there; older messages come when one scrolls up. */
export function MessageList({ parley, one, onReply, onEdit, onProblem }: Props) {
  const { timeline, room, sending } = one;
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const before = useRef({ height: 0, first: 0 });
  const [away, setAway] = useState(false);
  const newest = timeline.messages.at(-1)?.seq ?? 0;
  const first = timeline.messages[0]?.seq ?? 0;

  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    if (atEnd.current) element.scrollTop = element.scrollHeight;
    else if (first < before.current.first) element.scrollTop += element.scrollHeight - before.current.height;
    before.current = { height: element.scrollHeight, first };
  }, [newest, first, sending.length, timeline.loaded]);

  // A banner, a longer draft or a phone's keyboard takes room: the newest message stays in sight.
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const scrolled = () => {
    const element = list.current;
    if (element === null) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    setAway(!atEnd.current);
    if (element.scrollTop < EARLY && timeline.loaded && timeline.hasOlder) {
      parley.older(room.id).catch(() => onProblem("Older messages could not be loaded."));
    }
  };

  const bySeq = new Map(timeline.messages.map((message) => [message.seq, message]));
  return (
    <div className="messages-frame">
      <div className="messages" ref={list} onScroll={scrolled} role="log" aria-label="Messages" aria-live="polite" tabIndex={0}>
        {timeline.loaded && timeline.hasOlder && <p className="muted center">Loading older messages …</p>}
        {!timeline.loaded && <p className="muted center">Loading messages …</p>}
        {timeline.loaded && timeline.messages.length === 0 && sending.length === 0 && (
          <p className="muted center">Nothing has been said here yet. Say hello!</p>
        )}
        {timeline.messages.map((message, index) => {
          const previous = timeline.messages[index - 1];
          const newDay = previous === undefined || dayKey(previous.created_at) !== dayKey(message.created_at);
          return (
            <Fragment key={message.seq}>
              {newDay && <h3 className="day">{dayName(message.created_at)}</h3>}
              <MessageRow
                message={message}
                mark={message.direction === "sent" ? markOf(one, message) : null}
                continued={!newDay && previous?.user.id === message.user.id}
                group={room.type === "group"}
                repliedTo={message.reply_to ? (bySeq.get(message.reply_to) ?? null) : null}
                onReply={onReply}
                onEdit={onEdit}
                onDelete={() => parley.remove(message).catch(() => onProblem("The message could not be deleted."))}
              />
            </Fragment>
          );
        })}
        {sending.map((each) => (
          <SendingRow key={each.client_id} sending={each} onRetry={() => parley.retry(each)} onDiscard={() => parley.discard(each)} />
        ))}
      </div>
      {away && (
        <button
          className="to-end"
          aria-label="To the newest message"
          onClick={() => {
            list.current?.scrollTo({ top: list.current.scrollHeight });
          }}
        >
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}
