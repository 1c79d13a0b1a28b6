import { DownOutlined } from '@ant-design/icons';
import { Alert, App, Button, Checkbox, Dropdown, Flex, Modal } from 'antd';
import type { InstanceView } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { useObstacles } from './obstacles.ts';
import { useRequest } from './questions.ts';

type Work = 'settle' | 'repair';

/** What is seldom needed: around resizes and migrations of the cloud. */
export function Upkeep({ instance }: { instance: InstanceView }) {
  const { t } = useTranslation();
  const { of } = useObstacles(instance);
  const [asking, setAsking] = useState<Work | null>(null);
  return (
    <>
      <Dropdown
        trigger={['click']}
        menu={{
          items: (['settle', 'repair'] as const).map((work) => {
            const why = of(`instances:${work}`);
            return {
              key: work,
              disabled: why !== null,
              label: t(`instance.${work}.open`),
              ...(why !== null && { title: why }),
            };
          }),
          onClick: ({ key }) => setAsking(key as Work),
        }}
      >
        <Button icon={<DownOutlined aria-hidden />} iconPlacement="end">
          {t('instance.more')}
        </Button>
      </Dropdown>
      {asking && <UpkeepDialog instance={instance} work={asking} onClose={() => setAsking(null)} />}
    </>
  );
}

function UpkeepDialog({ instance, work, onClose }: { instance: InstanceView; work: Work; onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [acceptDisk, setAcceptDisk] = useState(false);
  const request = useRequest(instance.id, (api) =>
    work === 'settle' ? api.settle(instance.id) : api.repair(instance.id, { acceptDisk }),
  );
  const start = (): void =>
    request.mutate(undefined, {
      onSuccess: () => {
        void message.success(t('instance.asked'));
        onClose();
      },
    });
  return (
    <Modal
      open
      onCancel={onClose}
      onOk={start}
      okText={t(`instance.${work}.yes`)}
      cancelText={t('common.action.cancel')}
      okButtonProps={{ loading: request.isPending, danger: work === 'repair' && acceptDisk }}
      title={t(`instance.${work}.title`, { name: instance.name })}
    >
      <Flex vertical gap={12}>
        <span>{t(`instance.${work}.explained`)}</span>
        {work === 'repair' && (
          <>
            <Checkbox checked={acceptDisk} onChange={({ target }) => setAcceptDisk(target.checked)}>
              {t('instance.repair.acceptDisk')}
            </Checkbox>
            {acceptDisk && <Alert type="warning" showIcon title={t('instance.repair.acceptDiskHint')} />}
          </>
        )}
        {request.error && <ProblemAlert error={request.error} onRetry={start} />}
      </Flex>
    </Modal>
  );
}
