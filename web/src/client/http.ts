import { ApiError, errorOf, unreachable } from "./errors";

/** Where access tokens come from. */
export interface Tokens {
  /** A token that is good now. Rejects with an ApiError when there is none to be had. */
  access(): Promise<string>;
  /** The server refused this token: have another one next time. */
  refused(token: string): void;
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

const SECONDS = 1000;
const TIMEOUT = 20 * SECONDS;

/** Calls the HTTP API: tokens, problems, and one more attempt where a token had just ended. */
export class Http {
  /** @param base the gateway's address without a slash at its end; "" in a page that it has served */
  constructor(
    private readonly base: string,
    private readonly tokens: Tokens | null,
    private readonly fetch: Fetch = (input, init) => globalThis.fetch(input, init),
  ) {}

  get<T>(path: string): Promise<T> {
    return this.send<T>("GET", path);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.send<T>("POST", path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>("PUT", path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>("PATCH", path, body);
  }

  delete<T>(path: string, body?: unknown): Promise<T> {
    return this.send<T>("DELETE", path, body);
  }

  /** @throws ApiError */
  private async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const token = this.tokens === null ? null : await this.tokens.access();
    let response = await this.once(method, path, body, token);
    if (response.status === 401 && this.tokens !== null && token !== null) {
      this.tokens.refused(token);
      response = await this.once(method, path, body, await this.tokens.access());
    }
    if (!response.ok) throw await errorOf(response);
    const text = await response.text();
    return (text === "" ? undefined : JSON.parse(text)) as T; // 202 and 204 say nothing
  }

  private async once(method: string, path: string, body: unknown, token: string | null): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT), cache: "no-store" };
    if (body !== undefined) init.body = JSON.stringify(body);
    try {
      return await this.fetch(this.base + path, init);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw unreachable();
    }
  }
}
