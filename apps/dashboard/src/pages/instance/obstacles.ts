import type { InstanceView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useSession } from '../../session/session.tsx';

/** Whether something can be done with an instance now. */
export interface Obstacles {
  /** @returns why an action of the policy can't be done to it; `null`: it can */
  readonly of: (action: string) => string | null;
}

/** What is in the way of any change: the role, or the one operation that an instance has at a time. */
export function useObstacles({ operationId }: Pick<InstanceView, 'operationId'>): Obstacles {
  const { t } = useTranslation();
  const may = useSession().login?.session.may ?? [];
  return {
    of: (action) => {
      if (!may.includes(action)) return t('instance.why.role');
      return operationId === null ? null : t('instance.why.busy');
    },
  };
}
