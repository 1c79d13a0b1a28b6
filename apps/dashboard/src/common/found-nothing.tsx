import { Button, Empty, Flex } from 'antd';
import { useTranslation } from 'react-i18next';
import { useAddress } from './use-address.ts';

/** A list that is empty because of what was asked for, and the way out. */
export function FoundNothing({ filters }: { filters: readonly string[] }) {
  const { t } = useTranslation();
  const { change } = useAddress();
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <Flex vertical gap={4}>
          <strong>{t('common.filter.nothing')}</strong>
          <span>{t('common.filter.nothingHint')}</span>
        </Flex>
      }
    >
      <Button onClick={() => change(Object.fromEntries(filters.map((name) => [name, null])))}>
        {t('common.filter.clear')}
      </Button>
    </Empty>
  );
}
