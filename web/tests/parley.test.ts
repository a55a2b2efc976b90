import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Parley, Session } from "../src/client";
import { ALICE, BOB, FakeHttp, FakeSocket, message, room, settle } from "./fakes";

let http: FakeHttp;
let sockets: FakeSocket[];
let session: Session;
let parley: Parley;
let tokens = 0;
const newest = (): FakeSocket => sockets.at(-1) as FakeSocket;
const timeline = (id = "r1") => parley.snapshot().rooms.get(id)?.timeline.messages.map((one) => one.seq);

beforeEach(async () => {
  vi.useFakeTimers();
  tokens = 0;
  http = new FakeHttp();
  sockets = [];
  const grant = () => ({ body: { access_token: `t${++tokens}`, expires_in: 900, user_id: ALICE.id, username: "alice" } });
  http.answers["POST /web/login"] = grant;
  http.answers["POST /web/refresh"] = grant;
  http.answers["POST /auth/ws-ticket"] = () => ({ body: { ticket: "k" } });
  http.answers["GET /api/chat/users/"] = () => ({ body: { count: 1, next: null, previous: null, results: [room("r1", { last_seq: 5 })] } });
  http.answers["GET /api/chat/r1/messages/"] = () => ({
    body: { count: 5, next: null, previous: null, results: [5, 4, 3, 2, 1].map((seq) => message(seq)) },
  });
  session = new Session("", http.fetch);
  parley = new Parley(session, {
    socketUrl: "ws://x/ws",
    fetch: http.fetch,
    open: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket;
    },
  });
  await session.login("alice", "secret");
  await settle();
  newest().ready([{ id: "r1", last_seq: 5 }]);
  await settle();
});

afterEach(() => {
  parley.stop();
  vi.useRealTimers();
});

async function reconnected(code = 1006): Promise<FakeSocket> {
  const before = sockets.length;
  newest().lose(code);
  for (let waited = 0; sockets.length === before && waited < 20_000; waited += 100) await vi.advanceTimersByTimeAsync(100);
  expect(sockets.length).toBe(before + 1);
  return newest();
}

describe("connecting", () => {
  test("a ticket is used, not the token", () => {
    expect(newest().url).toBe("ws://x/ws?ticket=k");
    expect(parley.snapshot().connection).toBe("open");
    expect(parley.snapshot().rooms.get("r1")?.room.last_seq).toBe(5);
  });

  test("a lost connection resumes from the last message in the first frame", async () => {
    newest().say("chat.message", message(6));
    newest().say("chat.message", message(7));
    const socket = await reconnected();
    expect(socket.url).toBe("ws://x/ws?ticket=k&resume=frame");
    socket.ready([{ id: "r1", last_seq: 9 }]);
    expect(socket.sent[0]).toEqual({ type: "session.resume", data: { epoch: "e1", rooms: { r1: [7, 0] } } });
  });

  test("positions of very many rooms go into several frames, none of them too large", async () => {
    const many = Array.from({ length: 1600 }, () => ({ id: crypto.randomUUID() as string, last_seq: 2 ** 50 }));
    const first = await reconnected();
    first.ready([{ id: "r1", last_seq: 5 }, ...many]);
    const socket = await reconnected();
    socket.ready([]);
    const frames = socket.sent.filter((frame) => frame.type === "session.resume");
    expect(frames.map((frame) => (frame.data as { more?: boolean }).more)).toEqual([true, true, undefined]);
    const named = frames.flatMap((frame) => Object.keys((frame.data as { rooms: object }).rooms));
    expect(new Set(named)).toEqual(new Set(["r1", ...many.map((room) => room.id)]));
    expect(Math.max(...frames.map((frame) => JSON.stringify(frame).length))).toBeLessThan(64 * 1024);
  });

  test("a room that is new while away is heard from where it was at the reconnect", async () => {
    const socket = await reconnected();
    socket.ready([{ id: "r1", last_seq: 5 }, { id: "r2", last_seq: 3 }]);
    expect(socket.sent[0]?.data).toEqual({ epoch: "e1", rooms: { r1: [5, 0] } });
    await reconnected();
    newest().ready([{ id: "r1", last_seq: 5 }, { id: "r2", last_seq: 4 }]);
    expect(newest().sent[0]?.data).toEqual({ epoch: "e1", rooms: { r1: [5, 0], r2: [3, 0] } });
  });

  test("positions of another life of the database are forgotten", async () => {
    const socket = await reconnected();
    socket.ready([{ id: "r1", last_seq: 2 }], "e2");
    await reconnected();
    newest().ready([{ id: "r1", last_seq: 2 }], "e2");
    expect(newest().sent[0]?.data).toEqual({ epoch: "e2", rooms: { r1: [2, 0] } });
  });

  test("an expired token is renewed before the next attempt", async () => {
    const before = tokens;
    await reconnected(4401);
    expect(tokens).toBeGreaterThan(before);
  });

  test("a session that has ended signs out instead of knocking for ever", async () => {
    http.answers["POST /web/refresh"] = () => ({ status: 401, body: { code: "refresh_revoked" } });
    newest().lose(4401);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets.length).toBe(1);
    expect(session.me).toBeNull();
    expect(parley.snapshot().me).toBeNull();
  });

  test("without a server it is tried again and again, less and less often", async () => {
    delete http.answers["POST /auth/ws-ticket"];
    const before = http.asked.length;
    newest().lose();
    await vi.advanceTimersByTimeAsync(120_000);
    const attempts = http.asked.slice(before).filter((one) => one.path === "/auth/ws-ticket").length;
    expect(attempts).toBeGreaterThan(5);
    expect(attempts).toBeLessThan(60);
    expect(parley.snapshot().me).not.toBeNull();
  });

  test("a silent server is asked, and left when it does not answer", async () => {
    await vi.advanceTimersByTimeAsync(31_000);
    expect(newest().of("ping").length).toBeGreaterThan(0);
    for (let waited = 0; sockets.length === 1 && waited < 30_000; waited += 100) await vi.advanceTimersByTimeAsync(100);
    expect(sockets.length).toBe(2);
    expect(sockets[0]?.closed).toBe(true);
  });

  test("a fresh token goes to the open socket", async () => {
    await vi.advanceTimersByTimeAsync(1000);
    const socket = newest();
    for (let second = 0; second < 900; second += 20) {
      socket.say("pong", {});
      await vi.advanceTimersByTimeAsync(20_000);
    }
    expect(socket.of("auth.refresh")).toEqual([{ token: "t2" }]);
    expect(sockets.length).toBe(1);
  });
});

describe("messages", () => {
  test("each is shown once, in order, whatever is repeated", async () => {
    await parley.load("r1");
    for (const seq of [6, 7, 6, 7, 8]) newest().say("chat.message", message(seq));
    expect(timeline()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("what comes while history is loading is not lost", async () => {
    const loading = parley.load("r1");
    newest().say("chat.message", message(6));
    await loading;
    expect(timeline()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("a gap is asked for", () => {
    newest().say("chat.message", message(8));
    expect(newest().of("room.join")).toEqual([{ room: "r1", since: 5 }]);
    newest().say("chat.history", { room: "r1", messages: [message(6), message(7), message(8)], has_more: false });
    expect(timeline()).toEqual([6, 7, 8]);
  });

  test("a send is shown at once, and stays until it comes back as a message", async () => {
    parley.send("r1", "hello");
    const [sent] = newest().of("chat.message");
    expect(sent).toMatchObject({ room: "r1", content: "hello" });
    const shown = () => parley.snapshot().rooms.get("r1")?.sending.length;
    expect(shown()).toBe(1);
    newest().say("chat.ack", { client_id: sent?.client_id, id: "m-6", room: "r1", seq: 6, created_at: "", duplicate: false });
    expect(shown()).toBe(1);
    newest().say("chat.message", message(6, { direction: "sent", user: ALICE, client_id: String(sent?.client_id) }));
    expect(shown()).toBe(0);
    expect(timeline()).toEqual([6]);
  });

  test("what was not acknowledged is sent again after a reconnect, with the same client_id and in order", async () => {
    parley.send("r1", "one");
    parley.send("r1", "two");
    const before = newest().of("chat.message");
    const socket = await reconnected();
    socket.ready([{ id: "r1", last_seq: 5 }]);
    expect(socket.of("chat.message")).toEqual(before);
    expect(socket.sent[0]?.type).toBe("session.resume");
  });

  test("what is written while offline is kept", async () => {
    const coming = reconnected();
    parley.send("r1", "later");
    (await coming).ready([{ id: "r1", last_seq: 5 }]);
    expect(newest().of("chat.message")).toMatchObject([{ content: "later" }]);
  });

  test("a send that is refused for now is repeated, one that is refused for good is shown as failed", async () => {
    parley.send("r1", "busy");
    const [sent] = newest().of("chat.message");
    newest().say("error", { code: "unavailable", detail: "later", client_id: sent?.client_id, retry_after: 1 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(newest().of("chat.message").length).toBe(2);
    newest().say("error", { code: "not_a_member", detail: "you are not in this room", client_id: sent?.client_id });
    expect(parley.snapshot().rooms.get("r1")?.sending).toMatchObject([{ failed: "you are not in this room" }]);
  });

  test("edits and deletions change what is shown", async () => {
    await parley.load("r1");
    newest().say("chat.edited", message(5, { content: "better", rev: 1, edited_at: "2026-01-01T00:01:00Z" }));
    newest().say("chat.deleted", { room: "r1", seq: 4, id: "m-4", rev: 2, deleted_at: "2026-01-01T00:02:00Z" });
    const shown = parley.snapshot().rooms.get("r1");
    expect(shown?.timeline.messages.at(-1)).toMatchObject({ content: "better" });
    expect(shown?.timeline.messages.at(-2)).toMatchObject({ content: "", deleted: true });
    expect(shown?.room.last_message).toBe("better");
    const socket = await reconnected();
    socket.ready([{ id: "r1", last_seq: 5, rev: 2 }]);
    expect(socket.sent[0]?.data).toEqual({ epoch: "e1", rooms: { r1: [5, 2] } });
  });

  test("a room that is reset, or that I am added to, is resumed from the changes that it has had by then", async () => {
    newest().say("room.reset", { room: "r1", last_seq: 9, rev: 4 });
    newest().say("room.created", room("r2", { joined_seq: 3, last_seq: 3, rev: 7 }));
    const socket = await reconnected();
    socket.ready([{ id: "r1", last_seq: 9, rev: 4 }]);
    expect(socket.sent[0]?.data).toEqual({ epoch: "e1", rooms: { r1: [9, 4], r2: [3, 7] } });
  });
});

describe("receipts and presence", () => {
  test("many messages are one receipt", async () => {
    for (let seq = 6; seq <= 20; seq++) newest().say("chat.message", message(seq));
    await vi.advanceTimersByTimeAsync(1000);
    expect(newest().of("chat.received")).toEqual([{ room: "r1", seq: 20 }]);
  });

  test("reading tells the server once, and the unread count follows its answer", async () => {
    parley.read("r1");
    parley.read("r1");
    await vi.advanceTimersByTimeAsync(1000);
    expect(newest().of("chat.read")).toEqual([{ room: "r1", seq: 5 }]);
    newest().say("chat.read", { room: "r1", user: ALICE.id, seq: 5 });
    expect(parley.snapshot().rooms.get("r1")?.room.read_seq).toBe(5);
  });

  test("who writes has read what was before", () => {
    newest().say("chat.message", message(6, { direction: "sent", user: ALICE }));
    newest().say("chat.message", message(7));
    expect(parley.snapshot().rooms.get("r1")?.read.get(BOB.id)).toBe(7);
  });

  test("typing ends by itself", async () => {
    newest().say("friend.typing.start", { room: "r1", user: BOB.id });
    expect(parley.snapshot().rooms.get("r1")?.typing.size).toBe(1);
    await vi.advanceTimersByTimeAsync(13_000);
    expect(parley.snapshot().rooms.get("r1")?.typing.size).toBe(0);
  });

  test("my typing is told now and then, and taken back", async () => {
    for (let key = 0; key < 10; key++) {
      parley.types("r1");
      await vi.advanceTimersByTimeAsync(300);
    }
    expect(newest().of("friend.typing.start").length).toBe(1);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(newest().of("friend.typing.stop").length).toBe(1);
  });

  test("a friend comes and goes", () => {
    newest().say("friend.offline", room("r1", { friend: { ...BOB, is_online: false, last_seen: "2026-01-01T00:00:00Z" } }));
    expect(parley.snapshot().rooms.get("r1")?.room.friend?.is_online).toBe(false);
    newest().say("friend.online", room("r1", { friend: { ...BOB, is_online: true } }));
    expect(parley.snapshot().rooms.get("r1")?.room.friend?.is_online).toBe(true);
  });

  test("a room from which one was removed is gone", () => {
    newest().say("room.removed", { room: "r1" });
    expect(parley.snapshot().rooms.size).toBe(0);
  });
});
