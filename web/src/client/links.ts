import { Http } from "./http";

/** What a link of a mail is for. */
export type Purpose = "verify-email" | "reset-password";

export interface MailLink {
  purpose: Purpose;
  /** Good once; null where the page was opened without a link. */
  token: string | null;
}

const PURPOSES: readonly string[] = ["verify-email", "reset-password"] satisfies Purpose[];

/** The link that this page was opened by. Its token is behind the `#`, so no server and no other site has seen it. */
export function mailLinkOf(place: { pathname: string; hash: string }): MailLink | null {
  const purpose = place.pathname.replace(/^\/+|\/+$/g, "");
  if (!PURPOSES.includes(purpose)) return null;
  return { purpose: purpose as Purpose, token: new URLSearchParams(place.hash.slice(1)).get("token") || null };
}

/** What can be done with mails; nobody need be signed in. Each call rejects with an ApiError. */
export class Mails {
  constructor(private readonly http: Http = new Http("", null)) {}

  /** The address is the account's, and verified. */
  verify(token: string): Promise<void> {
    return this.http.post("/auth/email/verify/confirm", { token });
  }

  /** Ask for a link; the answer is the same whether or not there is such an account. */
  forgot(email: string): Promise<void> {
    return this.http.post("/auth/password/reset", { email });
  }

  /** A new password; every session ends. */
  reset(token: string, password: string): Promise<void> {
    return this.http.post("/auth/password/reset/confirm", { token, new_password: password });
  }
}
