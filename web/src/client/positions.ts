const ROOMS_IN_FRAME = 750; // of at most 85 bytes each

/** How far this client is in each room: the basis of every resume. Positions of another life of the database are void. */
export class Positions {
  epoch: string | null = null;
  private readonly rooms = new Map<string, { seq: number; rev: number }>();

  get(room: string): { seq: number; rev: number } | undefined {
    return this.rooms.get(room);
  }

  /** A room that is heard from now on, or anew. */
  set(room: string, seq: number, rev: number): void {
    this.rooms.set(room, { seq, rev });
  }

  forget(room: string): void {
    this.rooms.delete(room);
  }

  /**
   * A message has come. Its `seq` must be the next one: a lower one has been seen (a repeat), a higher one means that
   * something is missing.
   */
  advance(room: string, seq: number): "next" | "repeat" | "gap" {
    const known = this.rooms.get(room);
    if (known === undefined) {
      this.rooms.set(room, { seq, rev: 0 });
      return "next";
    }
    if (seq <= known.seq) return "repeat";
    const next = seq === known.seq + 1;
    known.seq = seq;
    return next ? "next" : "gap";
  }

  /** A change with this `rev` has been seen. */
  changed(room: string, rev: number): void {
    const known = this.rooms.get(room);
    if (known !== undefined && rev > known.rev) known.rev = rev;
  }

  /** What each `session.resume` takes, which has at most 64 KiB: [seq, rev] by room. */
  toResume(): Record<string, [number, number]>[] {
    const all = [...this.rooms].map(([room, { seq, rev }]): [string, [number, number]] => [room, [seq, rev]]);
    const frames = Math.max(1, Math.ceil(all.length / ROOMS_IN_FRAME));
    const part = (frame: number) => all.slice(frame * ROOMS_IN_FRAME, (frame + 1) * ROOMS_IN_FRAME);
    return Array.from({ length: frames }, (_, frame) => Object.fromEntries(part(frame)));
  }

  clear(): void {
    this.rooms.clear();
    this.epoch = null;
  }
}
