import type { Socket } from "../src/client/connection";
import type { Fetch } from "../src/client/http";
import type { Message, Room, User } from "../src/client/types";

export const ALICE: User = { id: "u-alice", username: "alice", full_name: "Alice", is_online: true, last_seen: null, bg_color: "#ccc" };
export const BOB: User = { ...ALICE, id: "u-bob", username: "bob", full_name: "Bob" };

export function room(id = "r1", more: Partial<Room> = {}): Room {
  return {
    id,
    type: "direct",
    name: null,
    friend: BOB,
    last_message: "",
    last_message_at: null,
    unread_count: 0,
    last_seq: 0,
    read_seq: 0,
    joined_seq: 0,
    rev: 0,
    muted: false,
    ...more,
  };
}

export function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    id: `m-${seq}`,
    room: "r1",
    seq,
    rev: 0,
    user: BOB,
    content: `message ${seq}`,
    created_at: "2026-01-01T00:00:00Z",
    is_delivered: false,
    is_read: false,
    direction: "received",
    ...more,
  };
}

/** A socket whose other end is the test. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly sent: { type: string; data: Record<string, unknown> }[] = [];
  closed = false;

  constructor(readonly url: string) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.closed = true;
  }

  say(type: string, data: unknown): void {
    this.onmessage?.({ data: JSON.stringify({ type, data }) });
  }

  ready(rooms: { id: string; last_seq: number; rev?: number }[] = [], epoch = "e1"): void {
    this.say("session.ready", {
      connection_id: "c",
      user: ALICE,
      epoch,
      heartbeat_s: 25,
      rooms: rooms.map((one) => ({ rev: 0, read_seq: 0, ...one })),
    });
  }

  lose(code = 1006): void {
    this.onclose?.({ code, reason: "" });
  }

  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.type === type).map((frame) => frame.data);
  }
}

/** HTTP, answered by a table of `METHOD path` (without a query). */
export class FakeHttp {
  readonly asked: { method: string; path: string; query: string; body: unknown; token: string | null }[] = [];
  readonly answers: Record<string, (body: unknown, query: string) => { status?: number; body?: unknown; headers?: Record<string, string> }> = {};

  readonly fetch: Fetch = async (input, init) => {
    const [path = "", query = ""] = input.split("?");
    const headers = (init?.headers ?? {}) as Record<string, string>;
    const body = init?.body === undefined ? undefined : JSON.parse(String(init.body));
    this.asked.push({ method: init?.method ?? "GET", path, query, body, token: headers.Authorization?.slice(7) ?? null });
    const answer = this.answers[`${init?.method ?? "GET"} ${path}`];
    if (answer === undefined) throw new TypeError("no network");
    const { status = 200, body: content, headers: more = {} } = answer(body, query);
    return new Response(status === 204 ? null : JSON.stringify(content ?? {}), { status, headers: more });
  };
}

/** Let what has been promised happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}
