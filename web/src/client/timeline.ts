import type { Message } from "./types";

/** What is known of one room's messages: ascending, without holes, each once; older ones may be on the server. */
export interface Timeline {
  readonly messages: readonly Message[];
  /** Whether the newest messages have been read from the server. */
  readonly loaded: boolean;
  readonly hasOlder: boolean;
}

export const EMPTY: Timeline = { messages: [], loaded: false, hasOlder: true };

/** Put messages in, wherever they belong; one that is there already gives way to what is newer. */
export function merged(timeline: Timeline, messages: readonly Message[]): Timeline {
  const [only] = messages;
  const last = timeline.messages.at(-1);
  if (messages.length === 1 && only !== undefined && (last === undefined || only.seq > last.seq)) {
    return { ...timeline, messages: [...timeline.messages, only] }; // the usual case: a new message
  }
  const bySeq = new Map(timeline.messages.map((message) => [message.seq, message]));
  for (const message of messages) {
    const known = bySeq.get(message.seq);
    if (known === undefined || message.rev >= known.rev) bySeq.set(message.seq, { ...known, ...message });
  }
  return { ...timeline, messages: [...bySeq.values()].sort((a, b) => a.seq - b.seq) };
}

/** A page of the newest messages, or of those before the oldest known, has come from the server. */
export function withPage(timeline: Timeline, page: readonly Message[], asked: number): Timeline {
  const all = merged(timeline, page);
  return { ...all, loaded: true, hasOlder: page.length >= asked && (all.messages[0]?.seq ?? 1) > 1 };
}

/** Change one message, if it is here. */
export function changed(timeline: Timeline, seq: number, change: (message: Message) => Message): Timeline {
  if (!timeline.messages.some((message) => message.seq === seq)) return timeline;
  return { ...timeline, messages: timeline.messages.map((one) => (one.seq === seq ? change(one) : one)) };
}
