import type { Connection } from "./connection";

const GATHER = 300; // milliseconds; receipts are cumulative, so one stands for many

/** Tells the server what has arrived and what has been read: the latest of each room, a few times a second at most. */
export class Receipts {
  private readonly reached = { "chat.received": new Map<string, number>(), "chat.read": new Map<string, number>() };
  private readonly told = { "chat.received": new Map<string, number>(), "chat.read": new Map<string, number>() };
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly connection: Connection) {
    connection.on("state", (state) => {
      if (state !== "open") return;
      this.told["chat.received"].clear(); // what was on its way when the last socket ended may not have arrived
      this.told["chat.read"].clear();
      this.later();
    });
  }

  received(room: string, seq: number): void {
    this.note("chat.received", room, seq);
  }

  read(room: string, seq: number): void {
    this.note("chat.read", room, seq);
  }

  clear(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const marks of [this.reached, this.told]) for (const rooms of Object.values(marks)) rooms.clear();
  }

  private note(kind: "chat.received" | "chat.read", room: string, seq: number): void {
    if ((this.reached[kind].get(room) ?? 0) >= seq) return;
    this.reached[kind].set(room, seq);
    this.later();
  }

  private later(): void {
    this.timer ??= setTimeout(() => this.flush(), GATHER);
  }

  private flush(): void {
    this.timer = null;
    for (const kind of ["chat.received", "chat.read"] as const) {
      for (const [room, seq] of this.reached[kind]) {
        if ((this.told[kind].get(room) ?? 0) >= seq) continue;
        if (!this.connection.send(kind, { room, seq })) return;
        this.told[kind].set(room, seq);
      }
    }
  }
}
