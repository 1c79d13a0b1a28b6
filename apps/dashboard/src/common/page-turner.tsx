import { LeftOutlined, RightOutlined } from '@ant-design/icons';
import { Button, Flex, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { useAddress, usePages } from './use-address.ts';

const PAGE_SIZES = [25, 50, 100] as const;
export const PAGE_SIZE = 50;

interface Props {
  readonly nextMarker: string | null;
  readonly limit: number;
  /** The page shown is still the one before: there is no going on from it. */
  readonly late: boolean;
}

/** Below each list that the API gives page by page. */
export function PageTurner({ nextMarker, limit, late }: Props) {
  const { t } = useTranslation();
  const { change } = useAddress();
  const { number, back, next } = usePages(late ? null : nextMarker);
  return (
    <Flex component="nav" aria-label={t('common.pages.label')} gap={8} align="center" justify="end" wrap>
      <Select
        aria-label={t('common.pages.size')}
        value={limit}
        onChange={(size) => change({ limit: String(size) })}
        options={[...new Set([...PAGE_SIZES, limit])].map((size) => ({
          value: size,
          label: t('common.pages.each', { size }),
        }))}
        popupMatchSelectWidth={false}
      />
      <Button icon={<LeftOutlined />} disabled={!back} onClick={() => back?.()}>
        {number === null ? t('common.pages.first') : t('common.pages.back')}
      </Button>
      {number !== null && <span className="number">{t('common.pages.number', { number })}</span>}
      <Button icon={<RightOutlined />} iconPlacement="end" disabled={!next} onClick={() => next?.()}>
        {t('common.pages.next')}
      </Button>
    </Flex>
  );
}
