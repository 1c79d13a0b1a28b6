import { useQueryClient } from '@tanstack/react-query';
import { ApiError } from '@varve/api-client';
import { LoginView } from '@varve/contracts';
import { use, useCallback, useEffect, useMemo, useState } from 'react';
import { clientFor } from '../api/api.ts';
import { store, stored } from '../common/local.ts';
import { SessionContext } from './session-context.ts';
import type { Login, Sessions } from './session-context.ts';

const NAME = 'session';

/** A token that the API refuses ends the session wherever it is noticed; the page then asks for a new login. */
export function SessionProvider({ children }: { children: React.ReactNode }) {
  const queries = useQueryClient();
  const [login, setLogin] = useState<Login | null>(restored);
  const [left, setLeft] = useState<Sessions['left']>(null);

  const leave = useCallback(
    (why: 'asked' | 'expired') => {
      const kept = restored();
      queries.clear();
      if (why === 'expired' && kept !== null && kept.token !== login?.token) {
        // In another tab somebody has logged in again already.
        setLogin(kept);
        return;
      }
      store(NAME, null);
      setLogin(null);
      setLeft(why);
    },
    [queries, login?.token],
  );
  const enter = useCallback(
    (answer: LoginView) => {
      // Of another project, nothing may stay on the screen.
      queries.clear();
      store(NAME, JSON.stringify(answer));
      setLeft(null);
      setLogin(loginOf(answer));
    },
    [queries],
  );

  const inside = login !== null;
  useEffect(() => {
    // Where one logs in, a refusal is an answer and no end.
    if (!inside) return;
    const noticed = (error: unknown): void => {
      // A login that is refused beside, as for another project, says nothing of this one.
      if (error instanceof ApiError && error.status === 401 && error.code !== 'login_failed') leave('expired');
    };
    const stopQueries = queries.getQueryCache().subscribe(({ query }) => noticed(query.state.error));
    const stopMutations = queries.getMutationCache().subscribe(({ mutation }) => noticed(mutation?.state.error));
    return () => {
      stopQueries();
      stopMutations();
    };
  }, [inside, queries, leave]);

  const value = useMemo(() => ({ login, enter, leave, left }), [login, enter, leave, left]);
  return <SessionContext value={value}>{children}</SessionContext>;
}

const loginOf = (answer: LoginView): Login => ({ ...answer, client: clientFor(answer.token) });

/** What was stored by another version of this page, or has expired, counts as nothing. */
function restored(): Login | null {
  const text = stored(NAME);
  if (text === null) return null;
  const answer = LoginView.safeParse(jsonOf(text));
  if (!answer.success) return null;
  const { expiresAt } = answer.data.session;
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? null : loginOf(answer.data);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const useSession = (): Sessions => use(SessionContext);

/** Whether the policy allows an action, e.g. `snapshots:create`, on what is one's own. */
export function useMay(action: string): boolean {
  return useSession().login?.session.may.includes(action) ?? false;
}
