// The browser's storage, where there is any: in a frame of another site, or with cookies forbidden, there may be none, and
// then a preference or a login lasts as long as the page.

const memory = new Map<string, string>();
const keyOf = (name: string): string => `varve.${name}`;

export function stored(name: string): string | null {
  try {
    return localStorage.getItem(keyOf(name));
  } catch {
    return memory.get(name) ?? null;
  }
}

/** @param value - `null`: forget it */
export function store(name: string, value: string | null): void {
  if (value === null) memory.delete(name);
  else memory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(keyOf(name));
    else localStorage.setItem(keyOf(name), value);
  } catch {
    return; // kept in memory
  }
}
