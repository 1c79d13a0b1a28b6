import { useTranslation } from 'react-i18next';
import { useFormat } from './use-format.ts';
import { useNow } from './use-now.ts';

/** How long ago; when exactly, on hover and for machines. */
export function When({ at, never }: { at: string | null; never?: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const now = useNow();
  if (at === null) return <>{never ?? t('common.never')}</>;
  return (
    // The browser's own hint: antd's would be half of what a table of hundreds costs.
    <time dateTime={at} title={format.moment(at)} className="number">
      {format.ago(at, now)}
    </time>
  );
}
