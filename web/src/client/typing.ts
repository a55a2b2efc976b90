import type { Connection } from "./connection";
import type { AppState } from "./state";

const SAY_AGAIN = 4_000; // milliseconds between two "is typing" of the same person
const PAUSE = 5_000; // without a key, nobody types
export const LASTS = 12_000; // a "stop" can be lost with its socket

/** Who is typing, both ways: mine is said now and then and taken back, others' expire by themselves. */
export class Typing {
  private readonly saidAt = new Map<string, number>();
  private readonly pauses = new Map<string, ReturnType<typeof setTimeout>>();

  /** @param tick called when somebody's typing may have expired */
  constructor(
    private readonly connection: Connection,
    tick: () => void,
    private readonly now: () => number = Date.now,
  ) {
    connection.on("frame", (frame) => {
      if (frame.type === "friend.typing.start") setTimeout(tick, LASTS + 50);
    });
  }

  /** I pressed a key. */
  typed(room: string): void {
    if (this.now() - (this.saidAt.get(room) ?? 0) >= SAY_AGAIN) {
      if (this.connection.send("friend.typing.start", { room })) this.saidAt.set(room, this.now());
    }
    clearTimeout(this.pauses.get(room));
    this.pauses.set(
      room,
      setTimeout(() => this.stopped(room), PAUSE),
    );
  }

  /** I sent it, or gave up. */
  stopped(room: string): void {
    clearTimeout(this.pauses.get(room));
    this.pauses.delete(room);
    if (this.saidAt.delete(room)) this.connection.send("friend.typing.stop", { room });
  }

  /** The state without those whose typing has expired. */
  expired(state: AppState): AppState {
    const now = this.now();
    const rooms = new Map(state.rooms);
    let changed = false;
    for (const [id, room] of rooms) {
      const typing = new Map([...room.typing].filter(([, until]) => until > now));
      if (typing.size !== room.typing.size) {
        rooms.set(id, { ...room, typing });
        changed = true;
      }
    }
    return changed ? { ...state, rooms } : state;
  }
}
