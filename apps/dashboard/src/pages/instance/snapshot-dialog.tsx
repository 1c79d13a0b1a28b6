import { CameraOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Descriptions, Flex, Form, Input, Modal, Radio } from 'antd';
import type { InstanceView, Quiesce, SnapshotEstimate } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useRequest } from './questions.ts';
import { SnapshotCourse } from './snapshot-course.tsx';

const QUIESCE: readonly Quiesce[] = ['try', 'require', 'none'];
const LONGEST_NAME = 255;

/** Takes a snapshot and stays until it is known what came of it; closed earlier, the work goes on all the same. */
export function SnapshotDialog({ instance, onClose }: { instance: InstanceView; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [quiesce, setQuiesce] = useState<Quiesce>('try');
  const create = useRequest(instance.id, (api, body: { name?: string; quiesce: Quiesce }) =>
    api.createSnapshot(instance.id, body),
  );
  const estimate = useEstimate(instance.id, create.isIdle);
  const refused = estimate.data?.refusal ?? null;
  const take = (): void => {
    if (refused || create.isPending) return;
    create.mutate({ ...(name.trim() !== '' && { name: name.trim() }), quiesce });
  };

  return (
    <Modal
      open
      onCancel={onClose}
      title={t('instance.snapshot.title', { name: instance.name })}
      footer={
        create.data ? (
          <Button onClick={onClose}>{t('common.action.close')}</Button>
        ) : (
          <Flex gap={8} justify="end">
            <Button onClick={onClose}>{t('common.action.cancel')}</Button>
            <Button
              type="primary"
              icon={<CameraOutlined aria-hidden />}
              loading={create.isPending}
              disabled={refused !== null}
              onClick={take}
            >
              {t('instance.snapshot.take')}
            </Button>
          </Flex>
        )
      }
    >
      {create.data ? (
        <SnapshotCourse snapshot={create.data} onAgain={create.reset} />
      ) : (
        <Form layout="vertical" onFinish={take}>
          <Form.Item
            label={t('instance.snapshot.name')}
            htmlFor="snapshot-name"
            extra={t('instance.snapshot.nameHint')}
          >
            <Input
              id="snapshot-name"
              autoFocus
              maxLength={LONGEST_NAME}
              value={name}
              onChange={({ target }) => setName(target.value)}
            />
          </Form.Item>
          <Form.Item label={t('instance.snapshot.consistency')}>
            <Radio.Group
              aria-label={t('instance.snapshot.consistency')}
              value={quiesce}
              onChange={({ target }) => setQuiesce(target.value as Quiesce)}
              vertical
              options={QUIESCE.map((value) => ({ value, label: t(`instance.snapshot.quiesce.${value}`) }))}
            />
          </Form.Item>
          <QueryState query={estimate}>{(data) => <Estimate of={data} />}</QueryState>
          {create.error && <ProblemAlert error={create.error} onRetry={take} />}
        </Form>
      )}
    </Modal>
  );
}

function useEstimate(instanceId: string, enabled: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: keys.estimate(instanceId),
    queryFn: ({ signal }) => api.snapshotEstimate(instanceId, { signal }),
    // The guest goes on writing.
    staleTime: 0,
    enabled,
  });
}

function Estimate({ of: { changedBytesAtMost, stall, duration, refusal } }: { of: SnapshotEstimate }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (refusal) {
    return (
      <Flex vertical gap={8}>
        <Alert type="warning" showIcon title={t('instance.snapshot.refused')} />
        <ProblemAlert error={refusal} />
      </Flex>
    );
  }
  const expected = (of: SnapshotEstimate['stall']): string =>
    of === null ? t('instance.notSeen') : t('instance.about', { value: format.duration(of.ms), count: of.samples });
  return (
    <Descriptions
      size="small"
      column={1}
      items={[
        {
          key: 'bytes',
          label: t('instance.snapshot.changed'),
          children:
            changedBytesAtMost === null
              ? t('common.unknown')
              : t('instance.atMost', { value: format.bytes(changedBytesAtMost) }),
        },
        { key: 'stall', label: t('instance.snapshot.stall'), children: expected(stall) },
        { key: 'duration', label: t('instance.snapshot.duration'), children: expected(duration) },
      ]}
    />
  );
}
