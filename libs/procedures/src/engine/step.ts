/** One journaled effect of a procedure. Its result goes into the journal, so it is plain JSON. */
export interface Step<T> {
  /**
   * Looks whether the effect is already there, and changes nothing. Asked before every `do`: the worker may have died
   * after the effect, or QEMU restarted between two steps.
   *
   * @returns `{ result }` when the effect is complete, `null` when `do` should run
   * @throws {ServiceError} with remedy `call-operator` when the host is in neither state
   */
  recover(): Promise<{ result: T } | null>;
  /**
   * Makes the effect. May run again after dying half-way, so half an effect must not hinder it.
   *
   * @param again - it has run before: what it asked for then may still come about, whatever it is told now
   */
  do(again?: boolean): Promise<T>;
  /**
   * Takes the effect back; absent where nothing is left behind. Never called after the point of no return. Repeatable.
   *
   * @param result - `null` when `do` failed or died: there may be half an effect, or none
   */
  undo?(result: T | null): Promise<void>;
}

/** A step that may simply be done again: its effect is the same each time, or it has none. */
export function repeatable<T>(doIt: () => Promise<T>, undo?: (result: T | null) => Promise<void>): Step<T> {
  return { recover: () => Promise.resolve(null), do: doIt, ...(undo ? { undo } : {}) };
}
