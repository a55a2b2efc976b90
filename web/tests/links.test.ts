import { beforeEach, expect, test } from "vitest";

import { ApiError, Http, mailLinkOf, Mails } from "../src/client";
import { FakeHttp } from "./fakes";

let http: FakeHttp;
let mails: Mails;

beforeEach(() => {
  http = new FakeHttp();
  mails = new Mails(new Http("", null, http.fetch));
});

test.each([
  ["/verify-email", "#token=a-b_c", { purpose: "verify-email", token: "a-b_c" }],
  ["/reset-password/", "#token=x%2By", { purpose: "reset-password", token: "x+y" }],
  ["/reset-password", "", { purpose: "reset-password", token: null }],
  ["/reset-password", "#token=", { purpose: "reset-password", token: null }],
  ["/verify-email", "#other=1", { purpose: "verify-email", token: null }],
  ["/", "#token=x", null],
  ["/verify-email/more", "#token=x", null],
  ["/rooms", "", null],
])("%s%s", (pathname, hash, expected) => {
  expect(mailLinkOf({ pathname, hash })).toEqual(expected);
});

test("each link makes its call, without a token of anybody", async () => {
  const paths = ["/auth/email/verify/confirm", "/auth/password/reset", "/auth/password/reset/confirm"];
  for (const path of paths) http.answers[`POST ${path}`] = () => ({ status: 204 });
  await mails.verify("t");
  await mails.forgot("a@example.org");
  await mails.reset("t", "a new password");
  expect(http.asked.map((one) => one.path)).toEqual(paths);
  expect(http.asked.map((one) => one.body)).toEqual([{ token: "t" }, { email: "a@example.org" }, { token: "t", new_password: "a new password" }]);
  expect(http.asked.every((one) => one.token === null)).toBe(true);
});

test("an answer without a body is one", async () => {
  const fetch = async () => new Response("", { status: 202 });
  expect(await new Http("", null, fetch).post("/auth/password/reset", { email: "a@example.org" })).toBeUndefined();
});

test("a link that was used says so", async () => {
  http.answers["POST /auth/email/verify/confirm"] = () => ({ status: 422, body: { code: "link_invalid", detail: "no" } });
  const error = await mails.verify("t").catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 422, code: "link_invalid" });
});
