import { Alert, Button, Flex, Form, Input, Modal, Radio } from 'antd';
import type { CreateExport, InstanceView, SnapshotView } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useOperationHere, useRequest } from './questions.ts';
import { CancelButton } from './running-operation.tsx';

interface Props {
  readonly instance: InstanceView;
  readonly point: SnapshotView;
  readonly onClose: () => void;
}

/** Makes an image of the cloud of a restore point. */
export function ExportDialog({ instance, point, onClose }: Props) {
  const { t } = useTranslation();
  const format = useFormat();
  const at = format.moment(point.sealedAt ?? point.createdAt);
  const [name, setName] = useState(`${instance.name} ${point.name ?? at}`);
  const [diskFormat, setDiskFormat] = useState<CreateExport['diskFormat']>('qcow2');
  const create = useRequest(instance.id, (api, body: { name: string; diskFormat: CreateExport['diskFormat'] }) =>
    api.exportSnapshot(point.uid, body),
  );
  const ready = name.trim() !== '' && !create.isPending;
  const start = (): void => {
    if (ready) create.mutate({ name: name.trim(), diskFormat });
  };
  return (
    <Modal
      open
      onCancel={onClose}
      title={t('instance.export.title', { time: at })}
      footer={
        <Flex gap={8} justify="end">
          <Button onClick={onClose}>{t(create.data ? 'common.action.close' : 'common.action.cancel')}</Button>
          {!create.data && (
            <Button type="primary" loading={create.isPending} disabled={!ready} onClick={start}>
              {t('instance.export.yes')}
            </Button>
          )}
        </Flex>
      }
    >
      {create.data ? (
        <Course id={create.data.id} />
      ) : (
        <Form layout="vertical" onFinish={start}>
          <p>{t('instance.export.explained')}</p>
          <Form.Item label={t('instance.export.name')} htmlFor="export-name">
            <Input id="export-name" maxLength={255} value={name} onChange={({ target }) => setName(target.value)} />
          </Form.Item>
          <Form.Item label={t('instance.export.format')}>
            <Radio.Group
              aria-label={t('instance.export.format')}
              value={diskFormat}
              onChange={({ target }) => setDiskFormat(target.value as CreateExport['diskFormat'])}
              vertical
              options={(['qcow2', 'raw'] as const).map((value) => ({ value, label: t(`instance.export.${value}`) }))}
            />
          </Form.Item>
          {create.error && <ProblemAlert error={create.error} onRetry={start} />}
        </Form>
      )}
    </Modal>
  );
}

function Course({ id }: { id: string }) {
  const { t } = useTranslation();
  const operation = useOperationHere(id);
  return (
    <QueryState query={operation}>
      {(now) =>
        !isFinished(now) ? (
          <Flex vertical gap={12} role="status">
            <OperationProgress operation={now} />
            <CancelButton operation={now} />
          </Flex>
        ) : now.state === 'succeeded' ? (
          <Alert
            type="success"
            showIcon
            title={t('instance.export.done')}
            description={now.imageId && t('instance.export.image', { id: now.imageId })}
          />
        ) : now.problem ? (
          <ProblemAlert error={now.problem} />
        ) : (
          <Alert type="info" showIcon title={t('common.operationState.cancelled')} />
        )
      }
    </QueryState>
  );
}
