import { RollbackOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Form, Input, Typography } from 'antd';
import type { InstanceView, RollbackPlanView, RollbackView } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../../api/api.ts';
import { keys } from '../../../api/keys.ts';
import { ProblemAlert } from '../../../common/problem-alert.tsx';
import { QueryState } from '../../../common/query-state.tsx';
import { useFormat } from '../../../common/use-format.ts';
import { useObstacles } from '../obstacles.ts';
import { useRequest } from '../questions.ts';
import { PlanSummary } from './plan-summary.tsx';

interface Props {
  readonly instance: InstanceView;
  readonly snapshotUid: string;
  readonly onOther: () => void;
  readonly onStarted: (rollback: RollbackView) => void;
}

/** The third step: what will happen, and the name of the instance to type. */
export function Confirm({ instance, snapshotUid, onOther, onStarted }: Props) {
  const api = useApi();
  const plan = useQuery({
    queryKey: [...keys.plan(instance.id), snapshotUid],
    queryFn: ({ signal }) => api.rollbackPlan(instance.id, { snapshotUid: ofAddress(snapshotUid) }, { signal }),
    // The guest goes on writing, and others may do something to the instance.
    staleTime: 0,
    refetchInterval: 15_000,
  });
  const { t } = useTranslation();
  const other = <Button onClick={onOther}>{t('instance.rollback.other')}</Button>;
  return (
    <Flex vertical gap={16}>
      <QueryState query={plan}>
        {(known) => (
          <>
            <PlanSummary instance={instance} plan={known} />
            <ByName instance={instance} plan={known} onStarted={onStarted} other={other} />
          </>
        )}
      </QueryState>
      {!plan.data && <div>{other}</div>}
    </Flex>
  );
}

/** What is no uid, the API says so of. */
const ofAddress = (text: string): RollbackPlanView['target']['uid'] => text as RollbackPlanView['target']['uid'];

interface ByNameProps {
  readonly instance: InstanceView;
  readonly plan: RollbackPlanView;
  readonly onStarted: (rollback: RollbackView) => void;
  readonly other: React.ReactNode;
}

function ByName({ instance, plan, onStarted, other }: ByNameProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const [typed, setTyped] = useState('');
  const why = useObstacles(instance).of('rollbacks:create');
  const { target } = plan;
  // By its uid, which is what was confirmed: what is newest "not later than" may be another one by now.
  const start = useRequest(instance.id, (api, snapshotUid: typeof target.uid) =>
    api.createRollback(instance.id, { snapshotUid }),
  );
  const refused = plan.refusal !== null || why !== null;
  const ready = typed.trim() === instance.name && !refused && !start.isPending;
  const go = (): void => {
    if (ready) start.mutate(target.uid, { onSuccess: onStarted });
  };
  if (refused) {
    return (
      <Flex vertical gap={12}>
        <Alert type="warning" showIcon title={why ?? t('instance.plan.refused')} />
        {plan.refusal && <ProblemAlert error={plan.refusal} />}
        <div>{other}</div>
      </Flex>
    );
  }
  return (
    <Card size="small">
      <Form layout="vertical" onFinish={go}>
        <Form.Item
          label={
            <span>
              {t('instance.rollback.typeName')} <Typography.Text code>{instance.name}</Typography.Text>
            </span>
          }
          htmlFor="confirm-name"
        >
          <Input
            id="confirm-name"
            value={typed}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            onChange={({ target }) => setTyped(target.value)}
          />
        </Form.Item>
        {start.error && <ProblemAlert error={start.error} />}
        <Flex gap={8} wrap style={{ marginTop: 8 }}>
          <Button
            type="primary"
            danger
            htmlType="submit"
            icon={<RollbackOutlined aria-hidden />}
            loading={start.isPending}
            disabled={!ready}
            style={{ height: 'auto', whiteSpace: 'normal' }}
          >
            {t('instance.rollback.yes', {
              name: instance.name,
              time: format.moment(target.sealedAt ?? target.createdAt),
            })}
          </Button>
          {other}
        </Flex>
      </Form>
    </Card>
  );
}
