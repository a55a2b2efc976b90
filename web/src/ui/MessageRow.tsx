import { memo, useState } from "react";

import type { Mark, Message, Sending } from "../client";
import { Avatar } from "./Avatar";
import { Icon } from "./Icon";
import { atClock, inFull } from "./times";

interface Props {
  message: Message;
  mark: Mark | null;
  /** Follows another one of the same person. */
  continued: boolean;
  group: boolean;
  repliedTo: Message | null;
  onReply: (message: Message) => void;
  onEdit: (message: Message) => void;
  onDelete: () => void;
}

const MARKS: Record<Mark, [string, string]> = {
  sending: ["◷", "sending"],
  failed: ["!", "not sent"],
  sent: ["✓", "sent"],
  delivered: ["✓✓", "delivered"],
  read: ["✓✓", "read"],
};

export const MessageRow = memo(function MessageRow(props: Props) {
  const { message, mark, continued, group, repliedTo } = props;
  const mine = mark !== null;
  const deleted = message.deleted ?? false;
  return (
    <article tabIndex={-1} className={`message ${mine ? "mine" : "theirs"}${continued ? " continued" : ""}`} aria-label={`${message.user.full_name}, ${inFull(message.created_at)}`}>
      {!mine && group && (continued ? <span className="avatar-gap" /> : <Avatar user={message.user} size={32} />)}
      <div className="bubble">
        {!mine && group && !continued && <p className="author">{message.user.full_name}</p>}
        {message.reply_to ? <p className="quote">{repliedTo ? `${repliedTo.user.full_name}: ${repliedTo.content || "deleted message"}` : "an earlier message"}</p> : null}
        <p className={deleted ? "content deleted" : "content"}>{deleted ? "This message was deleted" : message.content}</p>
        <p className="meta">
          {message.edited_at && !deleted ? "edited · " : ""}
          <time dateTime={message.created_at} title={inFull(message.created_at)}>
            {atClock(message.created_at)}
          </time>
          {mark && <MarkIcon mark={mark} />}
        </p>
      </div>
      {!deleted && <Actions {...props} mine={mine} />}
    </article>
  );
});

function Actions({ message, mine, onReply, onEdit, onDelete }: Props & { mine: boolean }) {
  const [sure, setSure] = useState(false);
  return (
    <div className="actions" onMouseLeave={() => setSure(false)}>
      <button aria-label="Reply" title="Reply" onClick={() => onReply(message)}>
        <Icon name="reply" size={16} />
      </button>
      {mine && (
        <button aria-label="Edit" title="Edit" onClick={() => onEdit(message)}>
          <Icon name="edit" size={16} />
        </button>
      )}
      {mine && (
        <button aria-label={sure ? "Really delete" : "Delete"} title="Delete" onClick={() => (sure ? onDelete() : setSure(true))}>
          {sure ? "Delete?" : <Icon name="remove" size={16} />}
        </button>
      )}
    </div>
  );
}

/** A message on its way, or one that did not get there. */
export function SendingRow({ sending, onRetry, onDiscard }: { sending: Sending; onRetry: () => void; onDiscard: () => void }) {
  const failed = sending.failed !== "";
  return (
    <article className="message mine" aria-label={failed ? "Not sent" : "Sending"}>
      <div className={failed ? "bubble failed" : "bubble pending"}>
        <p className="content">{sending.content}</p>
        <p className="meta">
          {failed ? `Not sent: ${sending.failed}` : <time dateTime={sending.created_at}>{atClock(sending.created_at)}</time>}
          <MarkIcon mark={failed ? "failed" : "sending"} />
        </p>
        {failed && (
          <p className="again">
            <button className="link" onClick={onRetry}>
              Try again
            </button>{" "}
            <button className="link" onClick={onDiscard}>
              Discard
            </button>
          </p>
        )}
      </div>
    </article>
  );
}

function MarkIcon({ mark }: { mark: Mark }) {
  const [sign, word] = MARKS[mark];
  return (
    <span className={`mark ${mark}`} role="img" aria-label={word} title={word}>
      {sign}
    </span>
  );
}
