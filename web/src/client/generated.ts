/* Made of the AsyncAPI and OpenAPI documents by `npm run types`; do not edit. */

/**
 * The `code` of an `error` frame, and what it means to a client.
 */
export type ErrorCode =
  | "bad_frame"
  | "client_id_reused"
  | "message_deleted"
  | "message_not_found"
  | "not_a_member"
  | "not_the_author"
  | "rate_limited"
  | "reply_not_found"
  | "token_invalid"
  | "too_long"
  | "unavailable";

export interface Wire {
  Ack: Ack;
  Changed: Changed;
  DeleteData: DeleteData;
  Deletion: Deletion;
  Draining: Draining;
  EditData: EditData;
  ErrorCode: ErrorCode;
  Failure: Failure;
  History: History;
  InRoom: InRoom;
  JoinData: JoinData;
  Me: Me;
  Message: Message;
  MessageList: MessageList;
  Nothing: Nothing;
  Position: Position;
  Profile: Profile;
  ProfilePage: ProfilePage;
  ProviderList: ProviderList;
  ProviderView: ProviderView;
  ReadData: ReadData;
  Ready: Ready;
  Receipt: Receipt;
  ReceivedData: ReceivedData;
  RefreshData: RefreshData;
  Refreshed: Refreshed;
  Reset: Reset;
  ResumeData: ResumeData;
  Room: Room;
  RoomData: RoomData;
  RoomList: RoomList;
  SendData: SendData;
  SessionList: SessionList;
  SessionView: SessionView;
  Ticket: Ticket;
  Typing: Typing;
  User: User;
  Events: Events;
  Commands: Commands;
}
/**
 * Where a message is stored. `duplicate`: it was there already, under the same client_id.
 */
export interface Ack {
  client_id: string | null;
  id: string;
  room: string;
  seq: number;
  created_at: string;
  duplicate: boolean;
}
/**
 * A message, and the rev of its last change: what was asked for, or an earlier one that came to the same.
 */
export interface Changed {
  client_id: string | null;
  room: string;
  seq: number;
  id: string;
  rev: number;
}
/**
 * A message of mine, or of a group that I own. `client_id` names this command in its answer.
 */
export interface DeleteData {
  room: string;
  seq: number;
  client_id?: string | null;
}
/**
 * A message that says nothing any more, and the rev of the room by which it does not.
 */
export interface Deletion {
  room: string;
  seq: number;
  id: string;
  rev: number;
  deleted_at: string;
}
/**
 * How long to wait before reconnecting, in milliseconds, so that not everybody comes at once.
 */
export interface Draining {
  reconnect_after_ms: number;
}
/**
 * A message of mine, and what it is to say. `client_id` names this command in its answer.
 */
export interface EditData {
  room: string;
  seq: number;
  content: string;
  client_id?: string | null;
}
/**
 * What went wrong: a code to switch on, and a sentence for people, which may change.
 *
 *     `client_id` names the send that failed; `retry_after` is in seconds.
 */
export interface Failure {
  code: ErrorCode;
  detail: string;
  client_id?: string | null;
  retry_after?: number | null;
}
/**
 * Messages of a room, oldest first.
 *
 *     `has_more`: there are older ones; or, when everything since a position was asked for, another frame follows.
 */
export interface History {
  room: string;
  messages: Message[];
  has_more: boolean;
}
/**
 * A message as one member sees it, in its present state: `rev` is that of its last change, 0 if there was none.
 *
 *     A deleted message has no content, and no other but it lacks some. On the wire of sockets `direction` comes last,
 *     where it alone differs between the members.
 */
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
  reply_to?: number;
  edited_at?: string;
  deleted?: true;
  direction: "received" | "sent";
  client_id?: string;
  duplicate?: boolean;
}
/**
 * A person as others see him.
 */
export interface User {
  id: string;
  username: string;
  full_name: string;
  is_online: boolean;
  last_seen: string | null;
  bg_color: string;
  avatar_url?: string;
}
/**
 * Names a room.
 */
export interface InRoom {
  room: string;
}
/**
 * A room, and after which of its messages all are wanted; without `since`, the last 100.
 *
 *     With `rev`, also what has been changed since then of the messages up to `since`.
 */
export interface JoinData {
  room: string;
  since?: number | null;
  rev?: number | null;
}
/**
 * What a user may know of his own account.
 */
export interface Me {
  user_id: string;
  username: string;
  display_name: string;
  email: string | null;
  email_verified: boolean;
  created_at: string | null;
  session_id: string;
}
/**
 * A page of messages.
 */
export interface MessageList {
  count: number;
  next: string | null;
  previous: string | null;
  results: Message[];
}
/**
 * No data.
 */
export interface Nothing {}
/**
 * A room, and how far it is: in messages, in other changes, and read by me.
 */
export interface Position {
  id: string;
  last_seq: number;
  rev: number;
  read_seq: number;
}
/**
 * A profile as clients see it.
 */
export interface Profile {
  id: string;
  username: string;
  displayName: string;
  avatarUrl: string | null;
  statusMessage: string | null;
  createdAt: string;
  updatedAt: string;
  preferences?: {};
}
/**
 * What a search found, and where the next page begins (None after the last).
 */
export interface ProfilePage {
  results: Profile[];
  next_cursor: string | null;
}
/**
 * All of them.
 */
export interface ProviderList {
  providers: ProviderView[];
}
/**
 * One that can be logged in with.
 */
export interface ProviderView {
  name: string;
  title: string;
}
/**
 * How far a room has been read; without `seq`, all of it.
 */
export interface ReadData {
  room: string;
  seq?: number | null;
}
/**
 * Who I am here, and where my rooms are; all of them are subscribed.
 */
export interface Ready {
  connection_id: string;
  user: User;
  epoch: string;
  rooms: Position[];
  heartbeat_s: number;
}
/**
 * How far somebody is in a room.
 */
export interface Receipt {
  room: string;
  user: string;
  seq: number;
}
/**
 * Up to where the messages of a room have arrived.
 */
export interface ReceivedData {
  room: string;
  seq: number;
}
/**
 * A fresh access token.
 */
export interface RefreshData {
  token: string;
}
/**
 * Until when the socket may stay.
 */
export interface Refreshed {
  expires_at: string;
}
/**
 * A room, and where to go on in it.
 */
export interface Reset {
  room: string;
  last_seq: number;
  rev: number;
}
/**
 * Where to go on, by room: [seq] or [seq, rev]; and the epoch this is from. `more`: another such frame follows.
 */
export interface ResumeData {
  rooms: {
    [k: string]: number[];
  };
  epoch?: string | null;
  more?: boolean;
}
/**
 * A room as one member sees it.
 */
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
  joined_seq: number;
  rev: number;
  muted: boolean;
}
/**
 * Names a room.
 */
export interface RoomData {
  room: string;
}
/**
 * A page of rooms.
 */
export interface RoomList {
  count: number;
  next: string | null;
  previous: string | null;
  results: Room[];
}
/**
 * A message to a room. The same `client_id` of the same sender in the same room is the same message.
 *
 *     `reply_to` is the seq of another message of the room.
 */
export interface SendData {
  room: string;
  content: string;
  client_id?: string | null;
  reply_to?: number | null;
}
/**
 * The newest first.
 */
export interface SessionList {
  sessions: SessionView[];
}
/**
 * One of my sessions; `device` is what its client calls itself, `current` the one that asks.
 */
export interface SessionView {
  id: string;
  device: string;
  address: string;
  created_at: string | null;
  last_seen_at: string | null;
  current: boolean;
}
/**
 * A single-use stand-in for the access token.
 */
export interface Ticket {
  ticket: string;
  expires_in: number;
}
/**
 * Somebody in a room.
 */
export interface Typing {
  room: string;
  user: string;
}
/**
 * What the server sends, by type.
 */
export interface Events {
  "session.ready": Ready;
  "chat.message": Message;
  "chat.ack": Ack;
  "chat.edited": Message;
  "chat.deleted": Deletion;
  "chat.changed": Changed;
  "chat.history": History;
  "chat.read": Receipt;
  "chat.delivered": Receipt;
  "friend.typing.start": Typing;
  "friend.typing.stop": Typing;
  "friend.online": Room;
  "friend.offline": Room;
  "room.created": Room;
  "room.updated": Room;
  "room.removed": InRoom;
  "room.reset": Reset;
  "auth.refreshed": Refreshed;
  "session.draining": Draining;
  pong: Nothing;
  error: Failure;
}
/**
 * What the client sends, by type.
 */
export interface Commands {
  "chat.message": SendData;
  "chat.edit": EditData;
  "chat.delete": DeleteData;
  "friend.typing.start": RoomData;
  "friend.typing.stop": RoomData;
  "chat.read": ReadData;
  "chat.received": ReceivedData;
  "room.join": JoinData;
  "session.resume": ResumeData;
  "auth.refresh": RefreshData;
  ping: {};
}
