/**
 * Logging in with an account elsewhere: the browser goes to the provider and comes back with a code. The code is bound to
 * this tab by PKCE (RFC 7636): only the tab knows what the challenge was made of, so a code that leaks is of no use.
 */

export interface Provider {
  name: string;
  title: string;
}

const KEY = "parley-verifier"; // for the minutes until the browser is back; worth nothing without the code

/** Where to send the browser. */
export async function elsewhere(provider: Provider): Promise<string> {
  const path = `/auth/oauth/${encodeURIComponent(provider.name)}`;
  if (globalThis.crypto.subtle === undefined) return path; // not a secure context: then without
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  sessionStorage.setItem(KEY, verifier);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return `${path}?code_challenge=${base64url(new Uint8Array(digest))}`;
}

/** What the challenge of this tab was made of; it is forgotten. */
export function verifier(): string {
  const found = sessionStorage.getItem(KEY) ?? "";
  sessionStorage.removeItem(KEY);
  return found;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
