import { Alert, Button, Space, Typography } from 'antd';
import { ApiError } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { codeOf } from '../i18n/service.ts';
import { HelpLink } from './help-link.tsx';
import { useSaid } from './use-said.ts';

type Problem = NonNullable<OperationView['problem']>;

/** What went wrong, by whatever it was said: its words, what to do about it, and the code for whoever is asked next. */
export function ProblemAlert({ error, onRetry }: { error: Problem | Error; onRetry?: (() => void) | undefined }) {
  const { t } = useTranslation();
  const said = useSaid().problem(error);
  const code = codeOf(error);
  const { remedy, requestId, facts } = described(error);
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={said.title}
      description={
        <Space orientation="vertical" size={4}>
          {said.original !== null && <span lang="en">{said.original}</span>}
          <span>{t(`common.problem.${remedy}`)}</span>
          {Object.keys(facts).length > 0 && (
            <span>
              {t('common.problem.facts')}:{' '}
              {Object.entries(facts)
                .map(([name, value]) => `${name} ${value}`)
                .join(', ')}
            </span>
          )}
          <span>
            {t('common.problem.code')}: <Typography.Text code>{code}</Typography.Text>
            {requestId !== null && (
              <>
                {' '}
                {t('common.problem.request')}: <Typography.Text code>{requestId}</Typography.Text>
              </>
            )}{' '}
            <HelpLink code={code}>{t('common.problem.more')}</HelpLink>
          </span>
        </Space>
      }
      action={
        onRetry && (
          <Button size="small" onClick={onRetry}>
            {t('common.state.retry')}
          </Button>
        )
      }
    />
  );
}

function described(error: Problem | Error): {
  remedy: Problem['remedy'];
  requestId: string | null;
  facts: Readonly<Record<string, string>>;
} {
  if (error instanceof ApiError) return error;
  if (error instanceof Error) {
    return { remedy: 'call-operator', requestId: null, facts: {} };
  }
  return { ...error, requestId: null };
}
