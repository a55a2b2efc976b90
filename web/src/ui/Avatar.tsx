import type { Room, User } from "../client";
import { titleOf } from "../client";

/** Initials on the person's colour, with a dot for those who are online. */
export function Avatar({ user, size = 40 }: { user: User; size?: number }) {
  return (
    <span className="avatar" style={{ background: user.bg_color, width: size, height: size }} aria-hidden="true">
      {initials(user.full_name || user.username)}
      {user.is_online && <span className="dot" />}
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
