import { Button, Result, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { isRouteErrorResponse, Link, useRouteError } from 'react-router';

/** A fault of a page itself, and an address that leads nowhere. */
export function PageError() {
  const { t } = useTranslation();
  const error = useRouteError();
  if (isRouteErrorResponse(error) && error.status === 404) return <NoSuchPage />;
  return (
    <Result
      status="error"
      title={t('common.state.broken')}
      subTitle={t('common.state.brokenHint')}
      extra={<Button onClick={() => location.reload()}>{t('common.state.reload')}</Button>}
    >
      <Typography.Text code>{error instanceof Error ? error.message : String(error)}</Typography.Text>
    </Result>
  );
}

export function NoSuchPage() {
  const { t } = useTranslation();
  return (
    <Result
      status="404"
      title={t('common.state.noPage')}
      subTitle={t('common.state.noPageHint')}
      extra={<Link to="/">{t('common.state.toOverview')}</Link>}
    />
  );
}
