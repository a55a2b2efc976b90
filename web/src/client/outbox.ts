import { Backoff } from "./backoff";

/** A message on its way: kept until the server has it, sent again with the same client_id, so that it is stored once. */
export interface Sending {
  client_id: string;
  room: string;
  content: string;
  reply_to: number | null;
  created_at: string;
  /** Why it will not be sent; "" while it may be. */
  failed: string;
}

const PERMANENT = new Set(["not_a_member", "too_long", "client_id_reused", "bad_frame", "reply_not_found"]);

/** The sends of this client, in the order in which they were made; the server keeps that order per room. */
export class Outbox {
  private readonly waiting: Sending[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** @param write hands one to the socket; false when there is none now */
  constructor(
    private readonly write: (sending: Sending) => boolean,
    private readonly backoff = new Backoff(1000, 30_000),
  ) {}

  all(): readonly Sending[] {
    return this.waiting;
  }

  add(sending: Sending): void {
    this.waiting.push(sending);
    if (this.timer === null) this.write(sending); // while one has to be repeated, those after it wait behind it
  }

  /** Connected anew: whatever was not acknowledged may or may not be there, so it is sent again, in order. */
  resend(): void {
    this.calm();
    for (const sending of this.waiting) if (sending.failed === "" && !this.write(sending)) return;
  }

  /** The server has it. Returns what it was. */
  acknowledged(clientId: string | null): Sending | undefined {
    const index = this.waiting.findIndex((sending) => sending.client_id === clientId);
    if (index < 0) return undefined;
    this.backoff.reset();
    return this.waiting.splice(index, 1)[0];
  }

  /** The server refused it: for good, or for now. */
  refused(clientId: string, code: string, detail: string, retryAfter: number): void {
    const sending = this.waiting.find((one) => one.client_id === clientId);
    if (sending === undefined) return;
    if (PERMANENT.has(code)) sending.failed = detail;
    else this.timer ??= setTimeout(() => this.resend(), this.backoff.next(retryAfter * 1000));
  }

  /** Try one again that had failed for good; behind all others, since its place is gone. */
  retry(clientId: string): void {
    const sending = this.acknowledged(clientId);
    if (sending !== undefined) this.add({ ...sending, failed: "" });
  }

  discard(clientId: string): void {
    this.acknowledged(clientId);
  }

  clear(): void {
    this.calm();
    this.waiting.length = 0;
  }

  private calm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
