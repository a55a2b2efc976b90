import { Connection, type Socket } from "./connection";
import { Http, type Fetch } from "./http";
import { Outbox, type Sending } from "./outbox";
import { Positions } from "./positions";
import { Receipts } from "./receipts";
import { reduce } from "./reduce";
import { newRoom } from "./rooms";
import type { Session } from "./session";
import { NOTHING, type AppState, type RoomState } from "./state";
import { withPage } from "./timeline";
import { Typing } from "./typing";
import type { Events, Frame, Message, MessageList, Profile, Room, RoomList } from "./types";

const PAGE = 50;
const ROOMS_PAGE = 200;

export interface Options {
  /** The gateway's address without a slash at its end; "" in a page that it has served. */
  base?: string;
  /** The address of its WebSocket. */
  socketUrl: string;
  fetch?: Fetch;
  open?: (url: string) => Socket;
}

/**
 * The chat of one signed-in user: rooms, messages, receipts, presence, kept up to date by one connection that resumes.
 * `subscribe` and `snapshot` are what React's `useSyncExternalStore` takes; nothing here knows React.
 */
export class Parley {
  readonly http: Http;
  private readonly positions = new Positions();
  private readonly connection: Connection;
  private readonly outbox: Outbox;
  private readonly receipts: Receipts;
  private readonly typing: Typing;
  private readonly listeners = new Set<() => void>();
  private readonly loading = new Map<string, Promise<void>>();
  private state: AppState = NOTHING;

  constructor(
    private readonly session: Session,
    options: Options,
  ) {
    this.http = new Http(options.base ?? "", session, options.fetch);
    this.connection = new Connection(options.socketUrl, this.http, session, this.positions, options.open);
    this.outbox = new Outbox(({ room, content, client_id, reply_to }) =>
      this.connection.send("chat.message", { room, content, client_id, ...(reply_to === null ? {} : { reply_to }) }),
    );
    this.receipts = new Receipts(this.connection);
    this.typing = new Typing(this.connection, () => this.update((state) => this.typing.expired(state)));
    this.connection.on("state", (connection) => this.update((state) => ({ ...state, connection })));
    this.connection.on("frame", (frame) => this.take(frame));
    this.connection.on("over", () => session.end());
    session.on("me", (me) => (me === null ? this.stop() : this.start()));
    session.on("token", (token) => void this.connection.send("auth.refresh", { token }));
  }

  // --- for a user interface -------------------------------------------------------------------------------------------

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  snapshot = (): AppState => this.state;

  start(): void {
    this.update((state) => ({ ...state, me: this.session.me }));
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
    this.outbox.clear();
    this.receipts.clear();
    this.positions.clear();
    this.loading.clear();
    this.update(() => ({ ...NOTHING }));
  }

  /** The page is looked at, or the network is back. */
  wake(): void {
    this.connection.wake();
  }

  // --- messages ---------------------------------------------------------------------------------------------------------

  /** Send; it is shown at once, and kept until the server has stored it. */
  send(room: string, content: string, replyTo: number | null = null): void {
    this.typing.stopped(room);
    this.outbox.add({
      client_id: newId(),
      room,
      content,
      reply_to: replyTo,
      created_at: new Date().toISOString(),
      failed: "",
    });
    this.showSending(room);
  }

  retry(sending: Sending): void {
    this.outbox.retry(sending.client_id);
    this.showSending(sending.room);
  }

  discard(sending: Sending): void {
    this.outbox.discard(sending.client_id);
    this.showSending(sending.room);
  }

  /** @throws ApiError */
  async edit(message: Message, content: string): Promise<void> {
    await this.http.patch(`/api/chat/${message.room}/messages/${message.seq}/`, { content });
  }

  /** @throws ApiError */
  async remove(message: Message): Promise<void> {
    await this.http.delete(`/api/chat/${message.room}/messages/${message.seq}/`);
  }

  /** Have the newest messages of a room, if they are not here yet. @throws ApiError */
  load(room: string): Promise<void> {
    if (this.state.rooms.get(room)?.timeline.loaded) return Promise.resolve();
    return this.page(room, `page_size=${PAGE}`);
  }

  /** Have a page of older messages. @throws ApiError */
  older(room: string): Promise<void> {
    const timeline = this.state.rooms.get(room)?.timeline;
    const oldest = timeline?.messages[0];
    if (timeline === undefined || oldest === undefined || !timeline.hasOlder) return Promise.resolve();
    return this.page(room, `before=${oldest.seq}&limit=${PAGE}`);
  }

  /** Everything in the room is seen by me. */
  read(room: string): void {
    const known = this.state.rooms.get(room);
    if (known !== undefined && known.room.last_seq > known.room.read_seq) this.receipts.read(room, known.room.last_seq);
  }

  /** Do not be told on my devices of what is said in a room, or be told again. @throws ApiError */
  async mute(room: string, muted: boolean): Promise<void> {
    await this.http.put(`/api/chat/rooms/${room}/mute/`, { muted });
    this.change(room, (one) => ({ ...one, room: { ...one.room, muted } }));
  }

  /** Change how others see me. @throws ApiError */
  async present(changes: Partial<Pick<Profile, "displayName" | "statusMessage" | "avatarUrl">>): Promise<void> {
    const { displayName, avatarUrl } = await this.http.patch<Profile>("/profiles/me", changes);
    this.update((state) => {
      if (state.self === null) return state;
      const { avatar_url: _, ...self } = state.self;
      return { ...state, self: { ...self, full_name: displayName, ...(avatarUrl ? { avatar_url: avatarUrl } : {}) } };
    });
  }

  /** I am typing in a room. */
  types(room: string): void {
    this.typing.typed(room);
  }

  // --- rooms ------------------------------------------------------------------------------------------------------------

  /** The room with somebody, by username. @throws ApiError */
  async direct(username: string): Promise<Room> {
    return this.entered(await this.http.post<Room>("/api/chat/rooms/", { type: "direct", user: username }));
  }

  /** @throws ApiError */
  async group(name: string, members: string[]): Promise<Room> {
    return this.entered(await this.http.post<Room>("/api/chat/rooms/", { type: "group", name, members }));
  }

  /** @throws ApiError */
  async rename(room: string, name: string): Promise<void> {
    await this.http.patch(`/api/chat/rooms/${room}/`, { name });
  }

  /** @throws ApiError */
  async invite(room: string, username: string): Promise<void> {
    await this.http.post(`/api/chat/rooms/${room}/members/`, { user: username });
  }

  /** @throws ApiError */
  async leave(room: string): Promise<void> {
    await this.http.delete(`/api/chat/rooms/${room}/members/${this.session.me?.user_id ?? ""}/`);
  }

  // --- the parts --------------------------------------------------------------------------------------------------------

  private entered(room: Room): Room {
    this.update((state) => reduce(state, { type: "room.created", data: room }));
    return room;
  }

  private page(room: string, query: string): Promise<void> {
    const known = this.loading.get(room);
    if (known !== undefined) return known;
    const loading = this.http
      .get<MessageList>(`/api/chat/${room}/messages/?${query}`)
      .then(({ results }) =>
        this.change(room, (one) => ({ ...one, timeline: withPage(one.timeline, results, PAGE) })),
      )
      .finally(() => this.loading.delete(room));
    this.loading.set(room, loading);
    return loading;
  }

  /** Names, presence and unread counts of all rooms; the messages come by the socket. */
  private async loadRooms(): Promise<void> {
    const rooms: Room[] = [];
    let path: string | null = `/api/chat/users/?page_size=${ROOMS_PAGE}`;
    while (path !== null) {
      const page: RoomList = await this.http.get<RoomList>(path);
      rooms.push(...page.results);
      path = page.next;
    }
    this.update((state) => ({
      ...state,
      loaded: true,
      rooms: new Map(rooms.map((room) => [room.id, { ...(state.rooms.get(room.id) ?? newRoom(room)), room }])),
    }));
  }

  private take(frame: Frame): void {
    switch (frame.type) {
      case "session.ready":
        this.begin(frame.data);
        break;
      case "chat.message": {
        const since = this.positions.get(frame.data.room)?.seq;
        const place = this.positions.advance(frame.data.room, frame.data.seq);
        if (place === "repeat") return;
        if (place === "gap" && since !== undefined) this.connection.send("room.join", { room: frame.data.room, since });
        if (frame.data.direction === "received") this.receipts.received(frame.data.room, frame.data.seq);
        else if (frame.data.client_id !== undefined) this.outbox.acknowledged(frame.data.client_id);
        break;
      }
      case "chat.ack": {
        const sent = this.outbox.acknowledged(frame.data.client_id);
        if (sent !== undefined && !frame.data.duplicate) return; // shown as sending until the message itself comes
        break;
      }
      case "error":
        if (typeof frame.data.client_id === "string") {
          this.outbox.refused(frame.data.client_id, frame.data.code, frame.data.detail, frame.data.retry_after ?? 1);
        }
        break;
      case "chat.edited":
      case "chat.deleted":
        this.positions.changed(frame.data.room, frame.data.rev);
        break;
      case "room.created":
        if (this.positions.get(frame.data.id) === undefined) {
          this.positions.set(frame.data.id, frame.data.joined_seq, frame.data.rev);
        }
        break;
      case "room.removed":
        this.positions.forget(frame.data.room);
        break;
      case "room.reset":
        this.positions.set(frame.data.room, frame.data.last_seq, frame.data.rev);
        break;
    }
    this.update((state) => reduce(state, frame));
    if ("room" in frame.data && this.state.rooms.has(frame.data.room)) this.showSending(frame.data.room);
    else if (frame.type === "error") for (const room of this.state.rooms.keys()) this.showSending(room);
    if (frame.type === "chat.message" && !this.state.rooms.has(frame.data.room)) void this.refresh();
  }

  private begin(ready: Events["session.ready"]): void {
    if (this.positions.epoch !== null && this.positions.epoch !== ready.epoch) {
      this.positions.clear(); // another life of the database: what is on the screen may not be there
      this.update((state) => ({ ...state, rooms: new Map() }));
    }
    this.positions.epoch = ready.epoch;
    for (const room of ready.rooms) {
      if (this.positions.get(room.id) === undefined) this.positions.set(room.id, room.last_seq, room.rev);
    }
    this.outbox.resend();
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    try {
      await this.loadRooms();
    } catch {
      // the connection comes back, and then it is asked again
    }
  }

  private showSending(room: string): void {
    const sending = this.outbox.all().filter((one) => one.room === room);
    const shown = this.state.rooms.get(room)?.sending ?? [];
    if (sending.length === 0 && shown.length === 0) return;
    this.change(room, (one) => ({ ...one, sending: sending.map((each) => ({ ...each })) }));
  }

  private change(room: string, change: (one: RoomState) => RoomState): void {
    this.update((state) => {
      const known = state.rooms.get(room);
      return known === undefined ? state : { ...state, rooms: new Map(state.rooms).set(room, change(known)) };
    });
  }

  private update(change: (state: AppState) => AppState): void {
    const before = this.state;
    this.state = change(before);
    if (this.state !== before) for (const listener of [...this.listeners]) listener();
  }
}

/** `crypto.randomUUID` is for secure contexts only; a page may come from a machine in the same house by plain HTTP. */
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
