const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
const KEY = "parley-theme"; // nothing else is stored in the browser, and nothing secret

export function themeName(): Theme {
  const stored = localStorage.getItem(KEY) as Theme | null;
  return stored !== null && THEMES.includes(stored) ? stored : "system";
}

/** Put the chosen theme on the page. */
export function applyTheme(): void {
  const theme = themeName();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Go on to the next one. */
export function nextTheme(): Theme {
  const next = THEMES[(THEMES.indexOf(themeName()) + 1) % THEMES.length] ?? "system";
  localStorage.setItem(KEY, next);
  applyTheme();
  return next;
}
