/** What goes over the wire. Names and fields are those of the AsyncAPI and OpenAPI documents. */

export interface User {
  id: string;
  username: string;
  full_name: string;
  is_online: boolean;
  last_seen: string | null;
  bg_color: string;
}

export interface Room {
  id: string;
  type: "direct" | "group";
  name: string | null;
  friend: User | null;
  last_message: string;
  last_message_at: string | null;
  unread_count: number;
  last_seq: number;
  read_seq: number;
  joined_seq?: number;
}

export interface Message {
  id: string;
  room: string;
  seq: number;
  rev: number;
  user: User;
  content: string;
  created_at: string;
  is_delivered: boolean;
  is_read: boolean;
  direction: "sent" | "received";
  client_id?: string;
  reply_to?: number | null;
  edited_at?: string | null;
  deleted_at?: string | null;
}

export interface Page<T> {
  count: number;
  next: string | null;
  previous: string | null;
  results: T[];
}

export interface Profile {
  id: string;
  username: string;
  displayName: string;
  avatarUrl: string | null;
  statusMessage: string;
  preferences?: Record<string, unknown>;
  createdAt: string;
  updatedAt: string;
}

export interface Login {
  id: string;
  device: string;
  created_at: string;
  last_seen_at: string;
  current: boolean;
}

/** What the server sends, by type. */
export interface Events {
  "session.ready": {
    connection_id: string;
    user: User;
    epoch: string;
    rooms: { id: string; last_seq: number; rev: number; read_seq: number }[];
    heartbeat_s: number;
  };
  "session.draining": { reconnect_after_ms: number };
  "chat.message": Message;
  "chat.ack": { client_id: string | null; id: string; room: string; seq: number; created_at: string; duplicate: boolean };
  "chat.history": { room: string; messages: Message[]; has_more: boolean };
  "chat.read": { room: string; user: string; seq: number };
  "chat.delivered": { room: string; user: string; seq: number };
  "chat.edited": Message;
  "chat.deleted": { room: string; seq: number; id: string; rev: number };
  "friend.typing.start": { room: string; user: string };
  "friend.typing.stop": { room: string; user: string };
  "friend.online": Room;
  "friend.offline": Room;
  "room.created": Room;
  "room.updated": Room;
  "room.removed": { room: string };
  "room.reset": { room: string; last_seq: number };
  "auth.refreshed": { expires_at: string };
  pong: Record<string, never>;
  error: { code: string; detail: string; client_id?: string; retry_after?: number };
}

/** What the client sends, by type. */
export interface Commands {
  "chat.message": { room: string; content: string; client_id: string; reply_to?: number };
  "chat.edit": { room: string; seq: number; content: string; client_id?: string };
  "chat.delete": { room: string; seq: number; client_id?: string };
  "chat.read": { room: string; seq?: number };
  "chat.received": { room: string; seq: number };
  "friend.typing.start": { room: string };
  "friend.typing.stop": { room: string };
  "room.join": { room: string; since?: number };
  "session.resume": { epoch: string; rooms: Record<string, [number, number]> };
  "auth.refresh": { token: string };
  ping: Record<string, never>;
}

/** A frame of any type. */
export type Frame = { [Type in keyof Events]: { type: Type; data: Events[Type] } }[keyof Events];
