import { useState, type FormEvent } from "react";

import type { Parley, Room } from "../client";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { useAction } from "./useAction";

interface Props {
  parley: Parley;
  room: Room;
  onClose: () => void;
}

export function RenameDialog({ parley, room, onClose }: Props) {
  return (
    <OneField
      title="Rename the group"
      label="Name"
      first={room.name ?? ""}
      button="Rename"
      onClose={onClose}
      action={(name) => parley.rename(room.id, name)}
    />
  );
}

export function InviteDialog({ parley, room, onClose }: Props) {
  return (
    <OneField
      title="Invite somebody"
      label="Username"
      first=""
      button="Invite"
      onClose={onClose}
      action={(username) => parley.invite(room.id, username)}
    />
  );
}

interface OneFieldProps {
  title: string;
  label: string;
  first: string;
  button: string;
  onClose: () => void;
  action: (value: string) => Promise<void>;
}

function OneField({ title, label, first, button, onClose, action }: OneFieldProps) {
  const [value, setValue] = useState(first);
  const { busy, error, run } = useAction();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await run(() => action(value.trim()))) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <Field label={label} value={value} onChange={(event) => setValue(event.target.value)} maxLength={100} autoFocus autoComplete="off" problem={error || undefined} />
        <button className="primary" disabled={busy || !value.trim()}>
          {button}
        </button>
      </form>
    </Dialog>
  );
}
