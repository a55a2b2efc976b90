import { useState } from "react";

import type { Room, User } from "../client";
import { titleOf } from "../client";

interface Props {
  user: User;
  size?: number;
  /** Whether to say that he is online. */
  presence?: boolean;
}

/** His picture, or initials on the person's colour; with a dot for those who are online. */
export function Avatar({ user, size = 40, presence = true }: Props) {
  const [broken, setBroken] = useState("");
  const picture = user.avatar_url && user.avatar_url !== broken ? user.avatar_url : undefined;
  return (
    <span className="avatar" style={{ background: user.bg_color, width: size, height: size }} aria-hidden="true">
      {picture === undefined ? (
        initials(user.full_name || user.username)
      ) : (
        <img src={picture} alt="" width={size} height={size} loading="lazy" referrerPolicy="no-referrer" onError={() => setBroken(picture)} />
      )}
      {presence && user.is_online && <span className="dot" />}
    </span>
  );
}

export function RoomAvatar({ room }: { room: Room }) {
  if (room.friend !== null) return <Avatar user={room.friend} />;
  return (
    <span className="avatar group" aria-hidden="true">
      {initials(titleOf(room))}
    </span>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? "?")][0]?.toUpperCase() ?? "?").join("");
}
