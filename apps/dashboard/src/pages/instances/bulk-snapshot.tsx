import { useQueryClient } from '@tanstack/react-query';
import type { CreateSnapshot } from '@varve/contracts';
import { Alert, Button, Flex, Form, Modal, Progress } from 'antd';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { SnapshotFields } from '../../common/snapshot-fields.tsx';
import type { Outcome } from './ask-all.ts';
import { askAll, isRefused } from './ask-all.ts';
import { BulkResults } from './bulk-results.tsx';
import type { Selection } from './instances-page.tsx';

interface Props {
  readonly of: Selection;
  readonly onClose: () => void;
  /** Every one was accepted. */
  readonly onDone: () => void;
}

/** Snapshots of many at once: what is asked first, then what became of each. */
export function BulkSnapshot({ of, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const api = useApi();
  const queries = useQueryClient();
  const [form] = Form.useForm<CreateSnapshot>();
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome> | null>(null);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);

  const all = useMemo(() => [...(outcomes ?? []).values()], [outcomes]);
  const underWay = all.some(({ is }) => is === 'waiting' || is === 'asking');
  const refused = [...(outcomes ?? [])].flatMap(([id, outcome]) => (isRefused(outcome) ? [id] : []));

  const ask = async (ids: readonly string[]): Promise<void> => {
    const { name, quiesce } = form.getFieldsValue(true) as CreateSnapshot;
    stop.current = new AbortController();
    const tell = (id: string, outcome: Outcome): void => setOutcomes((now) => new Map(now).set(id, outcome));
    setOutcomes((now) => new Map([...(now ?? []), ...ids.map((id): [string, Outcome] => [id, { is: 'waiting' }])]));
    await askAll(ids, (id) => api.createSnapshot(id, { ...(name && { name }), quiesce }), tell, stop.current.signal);
    await Promise.all([keys.instances, keys.operations].map((queryKey) => queries.invalidateQueries({ queryKey })));
  };
  const close = (): void => {
    if (all.length > 0 && all.every(({ is }) => is === 'accepted')) onDone();
    onClose();
  };

  return (
    <Modal
      open
      title={t('instances.bulk.title')}
      onCancel={close}
      // What was not asked for yet would never be.
      closable={!underWay}
      keyboard={!underWay}
      width={720}
      mask={{ closable: false }}
      footer={
        <Flex gap={8} justify="end" wrap>
          {underWay && <Button onClick={() => stop.current.abort()}>{t('instances.bulk.stop')}</Button>}
          {!underWay && refused.length > 0 && (
            <Button onClick={() => void ask(refused)}>{t('instances.bulk.again')}</Button>
          )}
          {outcomes === null ? (
            <>
              <Button onClick={close}>{t('common.action.cancel')}</Button>
              <Button type="primary" onClick={() => form.submit()}>
                {t('instances.bulk.start')}
              </Button>
            </>
          ) : (
            !underWay && <Button onClick={close}>{t('common.action.close')}</Button>
          )}
        </Flex>
      }
    >
      {/* Stays while the results are shown: those refused are asked for again with what it says. */}
      <div hidden={outcomes !== null}>
        <Form form={form} layout="vertical" requiredMark={false} onFinish={() => void ask([...of.keys()])}>
          <p>{t('instances.selected', { count: of.size })}</p>
          <SnapshotFields nameLabel={t('instances.bulk.name')} nameHint={t('instances.bulk.nameHint')} />
        </Form>
      </div>
      {outcomes !== null && (
        <Flex vertical gap={12}>
          <Summary outcomes={all} />
          <BulkResults of={of} outcomes={outcomes} />
        </Flex>
      )}
    </Modal>
  );
}

/** In plain words, also while it goes on: so many yes, so many no. */
function Summary({ outcomes }: { outcomes: readonly Outcome[] }) {
  const { t } = useTranslation();
  const counted = (...what: Outcome['is'][]): number => outcomes.filter(({ is }) => what.includes(is)).length;
  const [accepted, refused, left] = [counted('accepted'), counted('refused'), counted('stopped')];
  const done = accepted + refused + left;
  const text = [
    t('instances.bulk.accepted', { count: accepted }),
    ...(refused > 0 ? [t('instances.bulk.refused', { count: refused })] : []),
    ...(left > 0 ? [t('instances.bulk.left', { count: left })] : []),
  ].join(' · ');
  if (done < outcomes.length) {
    const progress = t('instances.bulk.progress', { done, total: outcomes.length });
    return (
      <div role="status">
        {progress}
        <Progress percent={Math.floor((100 * done) / outcomes.length)} aria-label={progress} />
      </div>
    );
  }
  return <Alert role="status" showIcon type={refused + left > 0 ? 'warning' : 'success'} title={text} />;
}
