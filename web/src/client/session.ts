import { verifier } from "./elsewhere";
import { Emitter } from "./emitter";
import { ApiError } from "./errors";
import { Http, type Fetch, type Tokens } from "./http";

/** Who is signed in. */
export interface Me {
  user_id: string;
  username: string;
}

interface Grant extends Me {
  access_token: string;
  expires_in: number;
}

interface SessionEvents {
  /** Somebody signed in or out. */
  me: Me | null;
  /** A fresh access token, for what stays open beyond the old one. */
  token: string;
}

const EARLY = 0.75; // of a token's life is used; then it is renewed
const LOCK = "parley-refresh";

/**
 * A browser's session. The refresh token stays in a cookie that no script can read (the gateway's `/web/*` calls put it
 * there); the access token stays in memory and ends with the page.
 */
export class Session extends Emitter<SessionEvents> implements Tokens {
  me: Me | null = null;
  private token: string | null = null;
  private renewAt = 0;
  private renewing: Promise<string> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly http: Http;
  private readonly own: Http;

  constructor(
    base = "",
    fetch?: Fetch,
    private readonly now: () => number = Date.now,
  ) {
    super();
    this.http = new Http(base, null, fetch);
    this.own = new Http(base, this, fetch);
  }

  /** Go on where an earlier page ended. Returns whether anybody is signed in; rejects when that cannot be known now. */
  async restore(): Promise<boolean> {
    try {
      await this.renew();
      return true;
    } catch (error) {
      if (error instanceof ApiError && !error.temporary) return false;
      throw error;
    }
  }

  async login(username: string, password: string): Promise<void> {
    this.take(await this.http.post<Grant>("/web/login", { username, password }));
  }

  async register(account: { username: string; password: string; email?: string; display_name?: string }): Promise<void> {
    this.take(await this.http.post<Grant>("/web/register", account));
  }

  /** The code that a provider's login came back with. */
  async exchange(code: string): Promise<void> {
    this.take(await this.http.post<Grant>("/web/exchange", { code, code_verifier: verifier() }));
  }

  /** Sign out here, or everywhere. The page forgets the session even if the server cannot be told. */
  async logout(everywhere = false): Promise<void> {
    try {
      await this.own.post("/web/logout", { all: everywhere });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error; // it had ended already
    } finally {
      this.end();
    }
  }

  async access(): Promise<string> {
    if (this.token !== null && this.now() < this.renewAt) return this.token;
    return this.renew();
  }

  refused(token: string): void {
    if (this.token === token) this.token = null;
  }

  /** The session is over: the server said so. */
  end(): void {
    this.token = null;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.me !== null) {
      this.me = null;
      this.emit("me", null);
    }
  }

  private renew(): Promise<string> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = null));
    return this.renewing;
  }

  private async renewOnce(): Promise<string> {
    try {
      const ask = () => this.http.post<Grant | undefined>("/web/refresh");
      // One tab at a time: a refresh token is good once.
      const locks = globalThis.navigator?.locks;
      const grant = await (locks === undefined ? ask() : (locks.request(LOCK, ask) as Promise<Grant | undefined>));
      if (grant === undefined) throw new ApiError(401, "no_session", "Nobody is signed in here.");
      this.take(grant);
      return grant.access_token;
    } catch (error) {
      if (error instanceof ApiError && !error.temporary) this.end();
      throw error;
    }
  }

  private take(grant: Grant): void {
    const other = this.me?.user_id !== grant.user_id;
    this.token = grant.access_token;
    this.renewAt = this.now() + grant.expires_in * 1000 * EARLY;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.renew().catch(() => undefined), grant.expires_in * 1000 * EARLY);
    if (other) {
      this.me = { user_id: grant.user_id, username: grant.username };
      this.emit("me", this.me);
    }
    this.emit("token", grant.access_token);
  }
}
