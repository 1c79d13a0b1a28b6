// The browser's storage, where there is any: in a frame of another site, or with cookies forbidden, there may be none, and
// then a preference or a login lasts as long as the page.

const memory = new Map<string, string>();
const keyOf = (name: string): string => `varve.${name}`;

/** How long something is kept: in this browser, or in this tab of it. */
type Kept = 'browser' | 'tab';
const storageFor = (kept: Kept): Storage => (kept === 'tab' ? sessionStorage : localStorage);

export function stored(name: string, kept: Kept = 'browser'): string | null {
  try {
    return storageFor(kept).getItem(keyOf(name));
  } catch {
    return memory.get(name) ?? null;
  }
}

/** @param value - `null`: forget it */
export function store(name: string, value: string | null, kept: Kept = 'browser'): void {
  if (value === null) memory.delete(name);
  else memory.set(name, value);
  try {
    if (value === null) storageFor(kept).removeItem(keyOf(name));
    else storageFor(kept).setItem(keyOf(name), value);
  } catch {
    return; // kept in memory
  }
}
