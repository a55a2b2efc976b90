import type { State as ConnectionState } from "./connection";
import type { Sending } from "./outbox";
import type { Me } from "./session";
import type { Timeline } from "./timeline";
import type { Message, Room, User } from "./types";

/** A room with all that this client knows of it. */
export interface RoomState {
  readonly room: Room;
  readonly timeline: Timeline;
  /** Who is typing: until when (milliseconds), by user id. */
  readonly typing: ReadonlyMap<string, number>;
  /** How far others have read and received, by user id. */
  readonly read: ReadonlyMap<string, number>;
  readonly delivered: ReadonlyMap<string, number>;
  readonly sending: readonly Sending[];
}

/** Everything a user interface shows; a new object after each change, unchanged parts being the same objects. */
export interface AppState {
  readonly me: Me | null;
  readonly connection: ConnectionState;
  /** Whether the list of rooms has been read. */
  readonly loaded: boolean;
  readonly rooms: ReadonlyMap<string, RoomState>;
  /** How others see me. */
  readonly self: User | null;
}

export const NOTHING: AppState = { me: null, connection: "stopped", loaded: false, rooms: new Map(), self: null };

export type Mark = "sending" | "failed" | "sent" | "delivered" | "read";

/** How far one of my messages has come. */
export function markOf(state: RoomState, message: Message): Mark {
  const reached = (marks: ReadonlyMap<string, number>) => [...marks.values()].some((seq) => seq >= message.seq);
  if (message.is_read || reached(state.read)) return "read";
  if (message.is_delivered || reached(state.delivered)) return "delivered";
  return "sent";
}

export function unread(room: Room): number {
  return Math.max(0, room.last_seq - room.read_seq);
}

/** What a room is called on the screen. */
export function titleOf(room: Room): string {
  return room.type === "direct" ? (room.friend?.full_name ?? "Somebody") : (room.name ?? "Group");
}

/** Latest activity first. */
export function sorted(rooms: Iterable<RoomState>): RoomState[] {
  return [...rooms].sort((a, b) => (b.room.last_message_at ?? "").localeCompare(a.room.last_message_at ?? ""));
}
