import { useEffect, useState, type FormEvent } from "react";

import type { Parley, Profile } from "../client";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { useAction } from "./useAction";

interface Props {
  parley: Parley;
  onOpen: (room: string) => void;
  onClose: () => void;
}

/** Begin to talk to somebody, found by the beginning of a name. */
export function NewChat({ parley, onOpen, onClose }: Props) {
  const [name, setName] = useState("");
  const found = useSearch(parley, name);
  const { busy, error, run } = useAction();
  const begin = (username: string) => run(async () => onOpen((await parley.direct(username)).id));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) void begin(name.trim());
  };
  return (
    <Dialog title="New chat" onClose={onClose}>
      <form onSubmit={submit}>
        <Field
          label="Who?"
          value={name}
          onChange={(event) => setName(event.target.value)}
          autoFocus
          autoComplete="off"
          spellCheck={false}
          placeholder="Username or name"
          problem={error || undefined}
        />
        <ul className="people">
          {found.map((profile) => (
            <li key={profile.id}>
              <button type="button" disabled={busy} onClick={() => void begin(profile.username)}>
                <strong>{profile.displayName}</strong> <span className="muted">@{profile.username}</span>
              </button>
            </li>
          ))}
        </ul>
        <button className="primary" disabled={busy || !name.trim()}>
          Begin
        </button>
      </form>
    </Dialog>
  );
}

/** Make a group of me and others. */
export function NewGroup({ parley, onOpen, onClose }: Props) {
  const [name, setName] = useState("");
  const [members, setMembers] = useState("");
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const names = members.split(/[\s,]+/).filter(Boolean);
    void run(async () => onOpen((await parley.group(name.trim(), names)).id));
  };
  return (
    <Dialog title="New group" onClose={onClose}>
      <form onSubmit={submit}>
        <Field label="Name of the group" value={name} onChange={(event) => setName(event.target.value)} maxLength={100} required autoFocus />
        <Field
          label="Members"
          value={members}
          onChange={(event) => setMembers(event.target.value)}
          autoComplete="off"
          spellCheck={false}
          hint="Usernames, separated by spaces or commas"
          problem={error || undefined}
        />
        <button className="primary" disabled={busy || !name.trim()}>
          Create group
        </button>
      </form>
    </Dialog>
  );
}

function useSearch(parley: Parley, text: string): Profile[] {
  const [found, setFound] = useState<Profile[]>([]);
  const wanted = text.trim();
  useEffect(() => {
    if (!wanted) {
      setFound([]);
      return;
    }
    let alive = true;
    const timer = setTimeout(() => {
      parley.http
        .get<{ results: Profile[] }>(`/profiles?limit=6&search=${encodeURIComponent(wanted)}`)
        .then((page) => alive && setFound(page.results))
        .catch(() => alive && setFound([]));
    }, 200);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [parley, wanted]);
  return found;
}
