import pLimit from 'p-limit';

/** What became of the request for one of many. */
export type Outcome =
  | { readonly is: 'waiting' | 'asking' | 'stopped' }
  | { readonly is: 'accepted'; readonly operationId: string }
  | { readonly is: 'refused'; readonly error: Error };

/** The API and its database have other callers too. */
const AT_ONCE = 3;

/**
 * Asks the same of many, a few at a time. A refusal is the outcome of that one alone, the others are asked for all the
 * same; after `signal` no more are begun, and those under way are still heard out.
 */
export async function askAll(
  ids: readonly string[],
  ask: (id: string) => Promise<{ operationId: string }>,
  tell: (id: string, outcome: Outcome) => void,
  signal: AbortSignal,
): Promise<void> {
  const limit = pLimit(AT_ONCE);
  await Promise.all(
    ids.map((id) =>
      limit(async () => {
        if (signal.aborted) return tell(id, { is: 'stopped' });
        tell(id, { is: 'asking' });
        try {
          const { operationId } = await ask(id);
          tell(id, { is: 'accepted', operationId });
        } catch (error) {
          tell(id, { is: 'refused', error: error instanceof Error ? error : new Error(String(error)) });
        }
      }),
    ),
  );
}

export const isRefused = (outcome: Outcome): outcome is Extract<Outcome, { is: 'refused' }> => outcome.is === 'refused';
