import { Alert, Button, Space, Typography } from 'antd';
import { ApiError } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';

type Problem = NonNullable<OperationView['problem']>;

/** What went wrong, by whatever it was said: its words, what to do about it, and the code for whoever is asked next. */
export function ProblemAlert({ error, onRetry }: { error: Problem | Error; onRetry?: (() => void) | undefined }) {
  const { t } = useTranslation();
  const { code, remedy, message, requestId, facts } = described(error);
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={message}
      description={
        <Space orientation="vertical" size={4}>
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
            <a className="in-text" href={`/docs/troubleshooting#${code}`} target="_blank" rel="noreferrer">
              {t('common.problem.more')}
            </a>
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
  code: string;
  remedy: Problem['remedy'];
  message: string;
  requestId: string | null;
  facts: Readonly<Record<string, string>>;
} {
  if (error instanceof ApiError) return error;
  if (error instanceof Error) {
    return { code: 'page_fault', remedy: 'call-operator', message: error.message, requestId: null, facts: {} };
  }
  return { ...error, requestId: null };
}
