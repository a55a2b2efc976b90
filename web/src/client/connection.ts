import { Backoff } from "./backoff";
import { Emitter } from "./emitter";
import { ApiError } from "./errors";
import type { Http, Tokens } from "./http";
import type { Positions } from "./positions";
import type { Commands, Events, Frame, Ticket } from "./types";

const SECONDS = 1000;
const CONNECT_TIMEOUT = 15 * SECONDS;
const PONG_TIMEOUT = 10 * SECONDS;
const SETTLED = 5 * SECONDS; // a socket that lived this long was a good one: the back-off begins anew

/** Close codes of the contract that ask for more than "reconnect and resume". */
export const CLOSE = { TRY_LATER: 1013, TOKEN_OVER: 4401, FLOODING: 4429 } as const;

export type State = "stopped" | "connecting" | "open" | "waiting";

/** The part of a browser's WebSocket that is used. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

interface ConnectionEvents {
  state: State;
  frame: Frame;
  /** Nobody is signed in any more. */
  over: undefined;
}

/**
 * One socket at a time, for as long as the client runs: connects with a ticket, resumes from the positions, asks whether
 * the server is there, and comes back with full jitter whatever happens.
 */
export class Connection extends Emitter<ConnectionEvents> {
  state: State = "stopped";
  private socket: Socket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private heart: ReturnType<typeof setInterval> | null = null;
  private heardAt = 0;
  private openedAt = 0;
  private reconnectAfter: number | null = null;
  private generation = 0;

  constructor(
    private readonly url: string,
    private readonly http: Http,
    private readonly tokens: Tokens,
    private readonly positions: Positions,
    private readonly open: (url: string) => Socket = (address) => new WebSocket(address) as unknown as Socket,
    private readonly backoff = new Backoff(),
    private readonly now: () => number = Date.now,
  ) {
    super();
  }

  start(): void {
    if (this.state === "stopped") void this.connect();
  }

  stop(): void {
    this.generation++;
    this.drop(1000);
    this.become("stopped");
  }

  /** Whether frames can be sent now. */
  get ready(): boolean {
    return this.state === "open";
  }

  /** Send a frame; false when there is no open socket, and then nothing is kept. */
  send<Type extends keyof Commands>(type: Type, data: Commands[Type]): boolean {
    if (this.socket === null || this.state !== "open") return false;
    this.socket.send(JSON.stringify({ type, data }));
    return true;
  }

  /** The network is back, or the page is looked at again: do not wait any longer, and see whether the socket lives. */
  wake(): void {
    if (this.state === "waiting") void this.connect();
    else if (this.state === "open") this.ask();
  }

  private async connect(): Promise<void> {
    this.clear();
    this.become("connecting");
    const generation = ++this.generation;
    try {
      const { ticket } = await this.http.post<Ticket>("/auth/ws-ticket");
      if (generation === this.generation) this.dial(ticket, generation);
    } catch (error) {
      if (generation !== this.generation) return;
      if (error instanceof ApiError && error.status === 401) this.end();
      else this.wait(error instanceof ApiError ? (error.retryAfter ?? 0) * SECONDS : 0);
    }
  }

  private dial(ticket: string, generation: number): void {
    const resuming = this.positions.epoch !== null;
    const socket = this.open(`${this.url}?ticket=${encodeURIComponent(ticket)}${resuming ? "&resume=frame" : ""}`);
    this.socket = socket;
    this.timer = setTimeout(() => this.lost(generation, 1006), CONNECT_TIMEOUT);
    socket.onmessage = (event) => {
      if (generation !== this.generation) return;
      this.heardAt = this.now();
      let frame: Frame;
      try {
        frame = JSON.parse(String(event.data)) as Frame;
      } catch {
        return;
      }
      this.take(frame);
    };
    socket.onclose = (event) => this.lost(generation, event.code);
  }

  private take(frame: Frame): void {
    if (frame.type === "session.ready") this.welcome(frame.data);
    if (frame.type === "session.draining") this.reconnectAfter = frame.data.reconnect_after_ms;
    this.emit("frame", frame);
  }

  private welcome(ready: Events["session.ready"]): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.openedAt = this.now();
    const epoch = this.positions.epoch;
    this.state = "open"; // before anybody hears of it: the resume is the first frame
    if (epoch !== null) {
      const frames = this.positions.toResume();
      const last = frames.length - 1;
      frames.forEach((rooms, frame) => this.send("session.resume", { epoch, rooms, ...(frame < last && { more: true }) }));
    }
    this.heart = setInterval(() => this.beat(ready.heartbeat_s * SECONDS), 5 * SECONDS);
    this.emit("state", "open");
  }

  /** Scripts do not see the server's pings: ask when it has been silent. */
  private beat(heartbeat: number): void {
    const silent = this.now() - this.heardAt;
    if (silent > heartbeat + PONG_TIMEOUT) this.lost(this.generation, 1006);
    else if (silent > heartbeat) this.send("ping", {});
  }

  private ask(): void {
    const generation = this.generation;
    const asked = this.now();
    this.send("ping", {});
    setTimeout(() => {
      if (generation === this.generation && this.state === "open" && this.heardAt < asked) this.lost(generation, 1006);
    }, PONG_TIMEOUT);
  }

  private lost(generation: number, code: number): void {
    if (generation !== this.generation) return;
    this.drop();
    if (this.now() - this.openedAt >= SETTLED && this.openedAt > 0) this.backoff.reset();
    this.openedAt = 0;
    if (code === CLOSE.TOKEN_OVER) void this.renew();
    else if (code === CLOSE.FLOODING || code === CLOSE.TRY_LATER) this.wait(10 * SECONDS);
    else this.wait(this.reconnectAfter ?? 0);
    this.reconnectAfter = null;
  }

  /** The token of the socket is no longer good: with another one, or not at all. */
  private async renew(): Promise<void> {
    const generation = ++this.generation;
    this.become("connecting");
    try {
      this.tokens.refused(await this.tokens.access());
      await this.tokens.access();
      if (generation === this.generation) this.wait(0);
    } catch (error) {
      if (generation !== this.generation) return;
      if (error instanceof ApiError && !error.temporary) this.end();
      else this.wait(0);
    }
  }

  private wait(least: number): void {
    this.become("waiting");
    this.timer = setTimeout(() => void this.connect(), this.backoff.next(least));
  }

  private end(): void {
    this.stop();
    this.emit("over", undefined);
  }

  private drop(code?: number): void {
    this.clear();
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) {
      socket.onmessage = socket.onclose = null;
      socket.close(code);
    }
  }

  private clear(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.heart !== null) clearInterval(this.heart);
    this.timer = this.heart = null;
  }

  private become(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", state);
  }
}
