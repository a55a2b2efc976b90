import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ApiError, Http, Session } from "../src/client";
import { FakeHttp } from "./fakes";

let http: FakeHttp;
let session: Session;
let tokens: number;

beforeEach(() => {
  vi.useFakeTimers();
  http = new FakeHttp();
  tokens = 0;
  const grant = () => ({ body: { access_token: `t${++tokens}`, expires_in: 100, user_id: "u", username: "alice" } });
  http.answers["POST /web/login"] = grant;
  http.answers["POST /web/refresh"] = grant;
  session = new Session("", http.fetch);
});
afterEach(() => {
  session.end();
  vi.useRealTimers();
});

test("a page goes on where an earlier one ended", async () => {
  expect(await session.restore()).toBe(true);
  expect(session.me).toEqual({ user_id: "u", username: "alice" });
});

test("without a session nobody is signed in", async () => {
  http.answers["POST /web/refresh"] = () => ({ status: 204 });
  expect(await session.restore()).toBe(false);
  expect(session.me).toBeNull();
});

test("a server that cannot be reached is not a session that has ended", async () => {
  delete http.answers["POST /web/refresh"];
  await expect(session.restore()).rejects.toBeInstanceOf(ApiError);
});

test("a token is renewed before it ends, once for all who need it", async () => {
  await session.login("alice", "secret");
  vi.setSystemTime(Date.now() + 90_000);
  const all = await Promise.all([session.access(), session.access(), session.access()]);
  expect(all).toEqual(["t2", "t2", "t2"]);
});

test("a refused token is renewed and the call made once more", async () => {
  await session.login("alice", "secret");
  http.answers["GET /auth/me"] = () =>
    http.asked.at(-1)?.token === "t1" ? { status: 401, body: { code: "token_revoked" } } : { body: { username: "alice" } };
  expect(await new Http("", session, http.fetch).get("/auth/me")).toEqual({ username: "alice" });
  expect(http.asked.filter((one) => one.path === "/auth/me").map((one) => one.token)).toEqual(["t1", "t2"]);
});

test("an error says what is wrong with which field, and when to come back", async () => {
  http.answers["POST /web/login"] = () => ({
    status: 422,
    body: { code: "invalid", title: "Unprocessable", errors: [{ field: "username", detail: "is too short" }] },
    headers: { "Retry-After": "7" },
  });
  const error = await session.login("a", "b").catch((failure: unknown) => failure as ApiError);
  expect(error).toMatchObject({ status: 422, code: "invalid", detail: "Unprocessable", retryAfter: 7, temporary: false });
  expect((error as ApiError).fields.get("username")).toBe("is too short");
});

test("signing out forgets the session even when the server cannot be told", async () => {
  await session.login("alice", "secret");
  await expect(session.logout()).rejects.toBeInstanceOf(ApiError);
  expect(session.me).toBeNull();
});

test("nothing is stored in the browser", async () => {
  const stored = vi.fn();
  vi.stubGlobal("localStorage", { setItem: stored, getItem: stored });
  vi.stubGlobal("sessionStorage", { setItem: stored, getItem: stored });
  await session.login("alice", "secret");
  await session.access();
  expect(stored).not.toHaveBeenCalled();
  vi.unstubAllGlobals();
});
