import type { OperationView } from '@varve/contracts';
import { Alert, Card, Col, Flex, Row } from 'antd';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { useOperation } from '../../api/operations.ts';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { PageTitle } from '../../common/page-title.tsx';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { OperationTag } from '../../common/tags.tsx';
import { CancelOperation } from './cancel-operation.tsx';
import { Facts } from './facts.tsx';
import { Journal } from './journal.tsx';
import { Phases } from './phases.tsx';
import { RetryOperation } from './retry-operation.tsx';

export default function OperationPage() {
  const { t } = useTranslation();
  const { operationId = '' } = useParams();
  const query = useOperation(operationId);
  const title = query.data
    ? t('operations.one', {
        kind: t(`common.kind.${query.data.kind}`),
        instance: query.data.instanceName ?? t('operations.goneInstance'),
      })
    : t('operations.title');
  return (
    <>
      <PageTitle
        title={title}
        extra={
          query.data && (
            <>
              {/* What was asked of one operation is not asked of the next. */}
              <CancelOperation key={`cancel ${query.data.id}`} operation={query.data} />
              <RetryOperation key={`retry ${query.data.id}`} operation={query.data} />
            </>
          )
        }
      >
        {query.data && <OperationTag of={query.data.state} />}
      </PageTitle>
      <QueryState query={query}>{(operation) => <Course operation={operation} />}</QueryState>
    </>
  );
}

function Course({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  return (
    <Flex vertical gap={16}>
      {operation.problem && <ProblemAlert error={operation.problem} />}
      <Card size="small" title={<h2 style={{ margin: 0, fontSize: 16 }}>{t('operations.phases')}</h2>}>
        <Flex vertical gap={16}>
          <Phases operation={operation} />
          {operation.state === 'running' && <OperationProgress operation={operation} />}
          {operation.state === 'queued' && <Alert type="info" showIcon title={t('operations.waits')} />}
        </Flex>
      </Card>
      <Row gutter={[16, 16]}>
        <Col xs={24} xl={10}>
          <Facts operation={operation} />
        </Col>
        <Col xs={24} xl={14}>
          <Journal operation={operation} />
        </Col>
      </Row>
    </Flex>
  );
}
