import { useEffect, useState, type FormEvent } from "react";

import type { Parley, Profile } from "../client";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { useAction } from "./useAction";

/** What others see of me. */
export function ProfileDialog({ parley, onClose }: { parley: Parley; onClose: () => void }) {
  const [profile, setProfile] = useState<Profile | null>(null);
  const { busy, error, run } = useAction();
  useEffect(() => {
    void run(async () => setProfile(await parley.http.get<Profile>("/profiles/me")));
  }, []); // once, when the dialog opens
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    const changes = { displayName: text("displayName"), statusMessage: text("statusMessage"), avatarUrl: text("avatarUrl") || null };
    if (await run(() => parley.present(changes))) onClose();
  };
  return (
    <Dialog title="Profile" onClose={onClose}>
      {profile === null ? (
        <p className={error ? "error" : "muted"} role="status">
          {error || "Loading …"}
        </p>
      ) : (
        <form onSubmit={submit}>
          <p className="muted">@{profile.username}</p>
          <Field label="Display name" name="displayName" defaultValue={profile.displayName} maxLength={100} required autoFocus />
          <Field label="Status" name="statusMessage" defaultValue={profile.statusMessage ?? ""} maxLength={255} />
          <Field label="Picture (address)" name="avatarUrl" type="url" defaultValue={profile.avatarUrl ?? ""} maxLength={255} problem={error || undefined} />
          <button className="primary" disabled={busy}>
            Save
          </button>
        </form>
      )}
    </Dialog>
  );
}
