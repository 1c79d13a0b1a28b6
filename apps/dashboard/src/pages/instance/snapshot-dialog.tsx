import { CameraOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Descriptions, Flex, Form, Modal } from 'antd';
import type { InstanceView, SnapshotEstimate } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { SnapshotFields } from '../../common/snapshot-fields.tsx';
import type { SnapshotSaid } from '../../common/snapshot-fields.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useRequest } from './questions.ts';
import { SnapshotCourse } from './snapshot-course.tsx';

/** Takes a snapshot and stays until it is known what came of it; closed earlier, the work goes on all the same. */
export function SnapshotDialog({ instance, onClose }: { instance: InstanceView; onClose: () => void }) {
  const { t } = useTranslation();
  const [form] = Form.useForm<SnapshotSaid>();
  const create = useRequest(instance.id, (api, { name, quiesce }: SnapshotSaid) =>
    api.createSnapshot(instance.id, { ...(name.trim() !== '' && { name: name.trim() }), quiesce }),
  );
  const estimate = useEstimate(instance.id, create.isIdle);
  const refused = estimate.data?.refusal ?? null;
  const take = (said: SnapshotSaid): void => {
    if (!refused && !create.isPending) create.mutate(said);
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
              onClick={form.submit}
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
        <Form form={form} layout="vertical" onFinish={take}>
          <SnapshotFields nameLabel={t('instance.snapshot.name')} nameHint={t('instance.snapshot.nameHint')} />
          <QueryState query={estimate}>{(data) => <Estimate of={data} />}</QueryState>
          {create.error && <ProblemAlert error={create.error} onRetry={form.submit} />}
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
