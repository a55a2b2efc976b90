import type { RoomState } from "./state";
import { EMPTY } from "./timeline";
import type { Room } from "./types";

/** A room of which nothing is known but what the list says. */
export function newRoom(room: Room): RoomState {
  return { room, timeline: EMPTY, typing: new Map(), read: new Map(), delivered: new Map(), sending: [] };
}
