const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export const atClock = (time: string): string => clock.format(new Date(time));
export const inFull = (time: string): string => full.format(new Date(time));

/** The calendar day of a moment, to group by. */
export const dayKey = (time: string): string => new Date(time).toDateString();

export function dayName(time: string, now = new Date()): string {
  if (dayKey(time) === now.toDateString()) return "Today";
  if (dayKey(time) === new Date(now.getTime() - DAY).toDateString()) return "Yesterday";
  return day.format(new Date(time));
}

/** Short, for lists: the clock today, the weekday this week, the date before. */
export function short(time: string, now = Date.now()): string {
  const moment = new Date(time);
  if (moment.toDateString() === new Date(now).toDateString()) return clock.format(moment);
  return now - moment.getTime() < 6 * DAY ? weekday.format(moment) : date.format(moment);
}

/** "last seen 5 min ago" and the like. */
export function ago(time: string, now = Date.now()): string {
  const minutes = Math.floor((now - Date.parse(time)) / MINUTE);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 24 * 60 ? `${Math.floor(minutes / 60)} h ago` : short(time, now);
}
