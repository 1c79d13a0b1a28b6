import { VarveClient } from '@varve/api-client';
import { use } from 'react';
import { SessionContext } from '../session/session-context.ts';

/** The page waits for one answer no longer than this, all tries counted in; then it says so. Milliseconds. */
const ONE_TRY_MS = 8_000;
const TRIES_AGAIN = 1;

/** A client for the API that this page came from. */
export const clientFor = (token: string): VarveClient =>
  new VarveClient({ url: location.origin, token, timeoutMs: ONE_TRY_MS, retries: TRIES_AGAIN });

/** The client of who is logged in. Only inside of pages that need a login. */
export function useApi(): VarveClient {
  const { login } = use(SessionContext);
  if (!login) throw new Error('a page that needs a login is shown without one');
  return login.client;
}
