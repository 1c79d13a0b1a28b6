import { ApiError } from '@varve/api-client';
import type { UseQueryResult } from '@tanstack/react-query';
import { Button, Result, Skeleton, Typography } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAway } from '../api/live.tsx';
import { ProblemAlert } from './problem-alert.tsx';

/** So long, a wait is nothing special. Milliseconds. */
const USUAL_MS = 3_000;

interface Props<T> {
  readonly query: UseQueryResult<T>;
  /** Shown instead of the data's own page where there is nothing in it. */
  readonly empty?: { readonly when: (data: T) => boolean; readonly show: React.ReactNode };
  readonly children: (data: T) => React.ReactNode;
}

/**
 * Everything a question to the API can be: on its way, late, refused, failed, empty, or answered. What is known already
 * stays on the screen while it is asked for again, with the reason above it when that fails.
 */
export function QueryState<T>({ query, empty, children }: Props<T>) {
  const { data, error, refetch } = query;
  const away = useAway();
  if (data === undefined) return error ? <Refused error={error} onRetry={() => void refetch()} /> : <Waiting />;
  const said = away && error instanceof ApiError && error.status === 0;
  return (
    <>
      {error && !said && <ProblemAlert error={error} onRetry={() => void refetch()} />}
      {empty?.when(data) ? empty.show : children(data)}
    </>
  );
}

/** @param props.forCode - a page's code is waited for, and not an answer of the API */
export function Waiting({ forCode = false }: { forCode?: boolean }) {
  const { t } = useTranslation();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), USUAL_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div role="status" aria-busy="true" aria-label={t('common.state.loading')}>
      {/* Its title would be a heading of nothing. */}
      <Skeleton active title={false} paragraph={{ rows: 4 }} />
      {late && (
        <Typography.Text type="secondary">{t(forCode ? 'common.state.slowPage' : 'common.state.slow')}</Typography.Text>
      )}
    </div>
  );
}

function Refused({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useTranslation();
  const again = <Button onClick={onRetry}>{t('common.state.retry')}</Button>;
  const status = error instanceof ApiError ? error.status : null;
  if (status === 403) return <Forbidden />;
  if (status === 404) {
    return (
      <Result status="404" title={t('common.state.notFound')} subTitle={t('common.state.notFoundHint')} extra={again} />
    );
  }
  return <ProblemAlert error={error} onRetry={onRetry} />;
}

/** Also shown without asking, where the policy's answer is known: a refusal would be written down as one. */
export function Forbidden() {
  const { t } = useTranslation();
  return <Result status="403" title={t('common.state.forbidden')} subTitle={t('common.state.forbiddenHint')} />;
}
