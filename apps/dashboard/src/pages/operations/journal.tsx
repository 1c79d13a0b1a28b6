import { CheckCircleOutlined, CloseCircleOutlined, SyncOutlined, UndoOutlined } from '@ant-design/icons';
import { isFinished } from '@varve/api-client';
import type { OperationView, StepView } from '@varve/contracts';
import { Card, Flex, Table, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { useSteps } from '../../api/operations.ts';
import { QueryState } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useSaid } from '../../common/use-said.ts';
import { Wide } from '../../common/wide.tsx';
import { brokeOffIn } from './course.ts';

const LOOK = {
  running: { color: 'processing', icon: <SyncOutlined spin /> },
  done: { color: 'success', icon: <CheckCircleOutlined /> },
  failed: { color: 'error', icon: <CloseCircleOutlined /> },
  undone: { color: 'warning', icon: <UndoOutlined /> },
} as const satisfies Record<StepView['state'], object>;

/** What its host did. Steps have the names, among others, that they have in the host's log. */
export function Journal({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const over = isFinished(operation);
  const steps = useSteps(operation);
  return (
    <Card size="small" title={<h2 style={{ margin: 0, fontSize: 16 }}>{t('operations.journal')}</h2>}>
      <QueryState
        query={steps}
        empty={{
          when: ({ items }) => items.length === 0,
          show: (
            <Typography.Text type="secondary">
              {t(over ? 'operations.journalOld' : 'operations.journalNone')}
            </Typography.Text>
          ),
        }}
      >
        {({ items }) => (
          <Flex vertical gap={8}>
            {operation.state === 'failed' && <BrokeOff steps={items} />}
            <StepTable steps={items} />
          </Flex>
        )}
      </QueryState>
    </Card>
  );
}

function BrokeOff({ steps }: { steps: readonly StepView[] }) {
  const { t } = useTranslation();
  const said = useSaid();
  const step = brokeOffIn(steps);
  return (
    step && (
      <span>
        {t('operations.endedIn')} <Typography.Text code>{said.step(step.name).title}</Typography.Text>
      </span>
    )
  );
}

function StepName({ step: { name, detail } }: { step: StepView }) {
  const { title, original } = useSaid().step(name);
  return (
    <>
      {title}
      {original !== null && (
        <>
          {' '}
          <Typography.Text type="secondary" lang="en">
            {original}
          </Typography.Text>
        </>
      )}
      {detail !== null && (
        <>
          <br />
          <Typography.Text type="secondary">{detail}</Typography.Text>
        </>
      )}
    </>
  );
}

function StepTable({ steps }: { steps: readonly StepView[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Wide label={t('operations.journal')} width={480}>
      <Table<StepView>
        rowKey="name"
        size="small"
        aria-label={t('operations.journal')}
        dataSource={[...steps]}
        pagination={false}
        columns={[
          {
            title: t('operations.step.name'),
            render: (_, step) => <StepName step={step} />,
          },
          {
            title: t('operations.step.state'),
            render: (_, { state }) => (
              <Tag color={LOOK[state].color} icon={LOOK[state].icon}>
                {t(`operations.stepState.${state}`)}
              </Tag>
            ),
          },
          {
            title: t('operations.step.startedAt'),
            className: 'number',
            render: (_, { startedAt }) => format.clock(startedAt),
          },
          {
            title: t('operations.step.took'),
            align: 'end',
            className: 'number',
            render: (_, { startedAt, finishedAt }) =>
              finishedAt === null ? '–' : format.duration(Date.parse(finishedAt) - Date.parse(startedAt)),
          },
        ]}
      />
    </Wide>
  );
}
