import { newRoom } from "./rooms";
import type { AppState, RoomState } from "./state";
import { changed, EMPTY, merged } from "./timeline";
import { LASTS } from "./typing";
import type { Events, Frame, Message, Room } from "./types";

/** What a frame makes of the state. Pure; positions, sends and receipts are others' business. */
export function reduce(state: AppState, frame: Frame, now: number = Date.now()): AppState {
  switch (frame.type) {
    case "session.ready":
      return { ...state, self: frame.data.user };
    case "chat.message":
      return inRoom(state, frame.data.room, (one) => said(one, frame.data));
    case "chat.history":
      return inRoom(state, frame.data.room, (one) => ({ ...one, timeline: merged(one.timeline, frame.data.messages) }));
    case "chat.edited":
      return inRoom(state, frame.data.room, (one) => rewritten(one, frame.data));
    case "chat.deleted":
      return inRoom(state, frame.data.room, (one) => erased(one, frame.data));
    case "chat.read":
      return inRoom(state, frame.data.room, (one) =>
        frame.data.user === state.me?.user_id
          ? { ...one, room: { ...one.room, read_seq: Math.max(one.room.read_seq, frame.data.seq) } }
          : { ...one, read: raised(one.read, frame.data), delivered: raised(one.delivered, frame.data) },
      );
    case "chat.delivered":
      return frame.data.user === state.me?.user_id
        ? state
        : inRoom(state, frame.data.room, (one) => ({ ...one, delivered: raised(one.delivered, frame.data) }));
    case "friend.typing.start":
      return inRoom(state, frame.data.room, (one) => ({
        ...one,
        typing: new Map(one.typing).set(frame.data.user, now + LASTS),
      }));
    case "friend.typing.stop":
      return inRoom(state, frame.data.room, (one) => ({ ...one, typing: without(one.typing, frame.data.user) }));
    case "friend.online":
    case "friend.offline":
      return inRoom(state, frame.data.id, (one) => ({ ...one, room: { ...one.room, friend: frame.data.friend } }));
    case "room.created":
    case "room.updated":
      return withRoom(state, frame.data);
    case "room.removed": {
      const rooms = new Map(state.rooms);
      return rooms.delete(frame.data.room) ? { ...state, rooms } : state;
    }
    case "room.reset":
      return inRoom(state, frame.data.room, (one) => ({
        ...one,
        timeline: EMPTY,
        room: { ...one.room, last_seq: frame.data.last_seq },
      }));
    default:
      return state;
  }
}

function inRoom(state: AppState, id: string, change: (one: RoomState) => RoomState): AppState {
  const known = state.rooms.get(id);
  return known === undefined ? state : { ...state, rooms: new Map(state.rooms).set(id, change(known)) };
}

function withRoom(state: AppState, room: Room): AppState {
  const known = state.rooms.get(room.id);
  const one = known === undefined ? newRoom(room) : { ...known, room: { ...room, last_seq: Math.max(room.last_seq, known.room.last_seq) } };
  return { ...state, rooms: new Map(state.rooms).set(room.id, one) };
}

function said(one: RoomState, message: Message): RoomState {
  const mine = message.direction === "sent";
  return {
    ...one,
    timeline: merged(one.timeline, [message]),
    typing: without(one.typing, message.user.id),
    // Who writes has read: his marker moves silently.
    read: mine ? one.read : raised(one.read, { user: message.user.id, seq: message.seq }),
    delivered: mine ? one.delivered : raised(one.delivered, { user: message.user.id, seq: message.seq }),
    room: {
      ...one.room,
      last_seq: Math.max(one.room.last_seq, message.seq),
      read_seq: mine ? Math.max(one.room.read_seq, message.seq) : one.room.read_seq,
      last_message: message.content,
      last_message_at: message.created_at,
    },
  };
}

function rewritten(one: RoomState, message: Message): RoomState {
  const timeline = changed(one.timeline, message.seq, (known) => ({ ...known, ...message }));
  return { ...one, timeline, room: preview(one.room, message.seq, message.content) };
}

function erased(one: RoomState, { seq, rev }: Events["chat.deleted"]): RoomState {
  const timeline = changed(one.timeline, seq, (known) => ({ ...known, rev, content: "", deleted: true }));
  return { ...one, timeline, room: preview(one.room, seq, "") };
}

function preview(room: Room, seq: number, content: string): Room {
  return seq === room.last_seq ? { ...room, last_message: content } : room;
}

function raised(marks: ReadonlyMap<string, number>, { user, seq }: { user: string; seq: number }): ReadonlyMap<string, number> {
  return (marks.get(user) ?? 0) >= seq ? marks : new Map(marks).set(user, seq);
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  if (!map.has(key)) return map;
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
