/** Line drawings of 24 by 24; the words are on the button around them. */
const PATHS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M4 20h4L19 9l-4-4L4 16v4ZM13.5 6.5l4 4",
  group: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm8 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 19c0-3 2.5-5 6-5s6 2 6 5M14.5 14.2c3.7-.6 7.5 1.3 7.5 4.8",
  muted: "M6 16h12l-1.5-2.5V10a4.5 4.5 0 0 0-9 0v3.5ZM10 19h4M4 4l16 16",
  more: "M12 6h.01M12 12h.01M12 18h.01",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  reply: "M9 7L4 12l5 5M4 12h10c4 0 6 2 6 6",
  send: "M4 12l16-8-6 16-3-6-7-2z",
} as const;

export function Icon({ name, size = 20 }: { name: keyof typeof PATHS; size?: number }) {
  return (
    <svg viewBox="0 0 24 24" width={size} height={size} fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
