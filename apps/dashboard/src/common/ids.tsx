import { Typography } from 'antd';
import { useTranslation } from 'react-i18next';

/** An id that one can tell from others at a glance, and copy whole. */
export function ShortId({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <Typography.Text
      code
      title={id}
      copyable={{ text: id, tooltips: [t('common.action.copy'), t('common.action.copied')] }}
      style={{ whiteSpace: 'nowrap' }}
    >
      {id.slice(0, 8)}
    </Typography.Text>
  );
}
