import { useEffect, useRef, useState, type ReactNode } from "react";

/** A button that shows a few others; closes on a choice, on Escape, and when something else is clicked. */
export function Menu({ label, icon, children }: { label: ReactNode; icon?: ReactNode; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!element.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  return (
    <div
      className="menu"
      ref={element}
      onKeyDown={(event) => {
        if (event.key === "Escape") setOpen(false);
      }}
    >
      <button className={icon ? "icon" : "name"} aria-haspopup="true" aria-expanded={open} aria-label={icon ? String(label) : undefined} onClick={() => setOpen(!open)}>
        {icon ?? (
          <>
            {label} <span aria-hidden="true">▾</span>
          </>
        )}
      </button>
      {open && (
        <div className="items" onClick={() => setOpen(false)}>
          {children}
        </div>
      )}
    </div>
  );
}
