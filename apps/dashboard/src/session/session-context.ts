import type { VarveClient } from '@varve/api-client';
import type { LoginView, SessionView } from '@varve/contracts';
import { createContext } from 'react';

/** Somebody who is logged in. */
export interface Login {
  readonly token: string;
  readonly session: SessionView;
  readonly userName: string | null;
  readonly projectName: string | null;
  readonly projects: LoginView['projects'];
  readonly client: VarveClient;
}

export interface Sessions {
  readonly login: Login | null;
  readonly enter: (answer: LoginView) => void;
  /** @param why - `expired`: the API no longer knows the token */
  readonly leave: (why: 'asked' | 'expired') => void;
  /** Why there is no login: shown where one logs in. */
  readonly left: 'asked' | 'expired' | null;
}

export const SessionContext = createContext<Sessions>({
  login: null,
  enter: () => undefined,
  leave: () => undefined,
  left: null,
});
