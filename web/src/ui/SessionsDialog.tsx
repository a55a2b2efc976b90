import { useEffect, useState } from "react";

import type { Login, Parley, Session, SessionList } from "../client";
import { deviceName } from "./devices";
import { Dialog } from "./Dialog";
import { ago, inFull } from "./times";
import { useAction } from "./useAction";

/** Where I am signed in; each can be ended, and all at once. */
export function SessionsDialog({ parley, session, onClose }: { parley: Parley; session: Session; onClose: () => void }) {
  const [logins, setLogins] = useState<Login[] | null>(null);
  const { busy, error, run } = useAction();
  const read = async () => setLogins((await parley.http.get<SessionList>("/auth/sessions")).sessions);
  useEffect(() => {
    void run(read);
  }, []); // once, when the dialog opens
  return (
    <Dialog title="Sessions" onClose={onClose}>
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
      {logins === null && !error && <p className="muted">Loading …</p>}
      <ul className="sessions">
        {logins?.map((login) => (
          <li key={login.id}>
            <span className="text">
              <strong title={login.device}>{deviceName(login.device)}</strong>
              <span className="muted" title={login.last_seen_at ? inFull(login.last_seen_at) : undefined}>
                {login.current ? "this browser" : login.last_seen_at ? `seen ${ago(login.last_seen_at)}` : ""}
              </span>
            </span>
            {!login.current && (
              <button
                disabled={busy}
                onClick={() =>
                  void run(async () => {
                    await parley.http.delete(`/auth/sessions/${login.id}`);
                    await read();
                  })
                }
              >
                End
              </button>
            )}
          </li>
        ))}
      </ul>
      <button disabled={busy} onClick={() => void run(() => session.logout(true))}>
        Sign out everywhere
      </button>
    </Dialog>
  );
}
