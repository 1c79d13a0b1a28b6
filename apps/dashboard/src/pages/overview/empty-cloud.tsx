import { Button, Card, Empty, Flex } from 'antd';
import { useTranslation } from 'react-i18next';
import { useMay } from '../../session/session.tsx';

/** What to do next where there is nothing yet: other things for who runs the cloud than for who uses it. */
export function EmptyCloud() {
  const { t } = useTranslation();
  const operates = useMay('hosts:list');
  return (
    <Card>
      <Empty
        image={Empty.PRESENTED_IMAGE_SIMPLE}
        description={
          <Flex vertical gap={4} align="center">
            <strong>{t('overview.empty.title')}</strong>
            <span style={{ maxWidth: 480 }}>{t(`overview.empty.${operates ? 'operator' : 'tenant'}`)}</span>
          </Flex>
        }
      >
        <Flex gap={8} justify="center" wrap>
          {operates && (
            <Button type="primary" href="/docs/install" target="_blank">
              {t('overview.empty.install')}
            </Button>
          )}
          <Button href="/docs/concepts" target="_blank">
            {t('overview.empty.docs')}
          </Button>
        </Flex>
      </Empty>
    </Card>
  );
}
