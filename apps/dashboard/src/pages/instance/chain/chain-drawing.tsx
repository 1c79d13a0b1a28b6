import {
  ArrowRightOutlined,
  CloudOutlined,
  CloudUploadOutlined,
  DatabaseOutlined,
  EditOutlined,
  MergeCellsOutlined,
} from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Card, Flex, Progress, Tag, theme, Typography } from 'antd';
import type { ChainLayerView, ChainView, InstanceView, OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../../api/api.ts';
import { keys } from '../../../api/keys.ts';
import { QueryState } from '../../../common/query-state.tsx';
import { useFormat } from '../../../common/use-format.ts';
import { When } from '../../../common/when.tsx';
import { useOperationHere } from '../questions.ts';
import type { AtWork } from './at-work.ts';
import { atWork } from './at-work.ts';

/** The instance's backing chain as its host has it now, and what is being done to it. */
export function ChainDrawing({ instance }: { instance: InstanceView }) {
  const { t } = useTranslation();
  const api = useApi();
  const chain = useQuery({
    queryKey: keys.chain(instance.id),
    queryFn: ({ signal }) => api.chain(instance.id, { signal }),
  });
  const operation = useOperationHere(instance.operationId).data ?? null;
  return (
    <Card
      size="small"
      title={t('instance.chain.title')}
      extra={
        chain.data?.observedAt && (
          <Typography.Text type="secondary">
            {t('instance.chain.observed')} <When at={chain.data.observedAt} />
          </Typography.Text>
        )
      }
    >
      <QueryState query={chain} empty={{ when: ({ layers }) => layers.length === 0, show: <NothingKnown /> }}>
        {(known) => <Drawn chain={known} operation={instance.operationId === null ? null : operation} />}
      </QueryState>
    </Card>
  );
}

function NothingKnown() {
  const { t } = useTranslation();
  return <Typography.Text type="secondary">{t('instance.chain.nothing')}</Typography.Text>;
}

/** A list, so that it reads as one; its look is the picture: from left to right, on a phone from top to bottom. */
function Drawn({ chain, operation }: { chain: ChainView; operation: OperationView | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const work = atWork(chain.layers, operation);
  return (
    <ol className="chain" aria-label={t('instance.chain.order')}>
      <li>
        <Box
          icon={<DatabaseOutlined aria-hidden />}
          name={t('instance.chain.base')}
          hint={t('instance.chain.baseHint')}
          look="base"
          work={null}
        >
          <Typography.Text ellipsis={{ tooltip: true }} style={{ maxWidth: 200 }}>
            {chain.base?.name ?? t('instance.chain.baseUnknown')}
          </Typography.Text>
          {chain.base?.sizeBytes != null && <span className="number">{format.bytes(chain.base.sizeBytes)}</span>}
        </Box>
      </li>
      {chain.layers.map((layer, index) => (
        <li key={layer.role === 'active' ? 'active' : (layer.layerUid ?? index)}>
          <Arrow label={t('instance.chain.standsOn')} />
          <Layer layer={layer} work={work.get(index) ?? null} />
        </li>
      ))}
    </ol>
  );
}

const Arrow = ({ label }: { label: string }) => (
  <span className="chain-arrow">
    <ArrowRightOutlined aria-hidden />
    <span className="visually-hidden">{label}</span>
  </span>
);

const ICON: Record<ChainLayerView['role'], React.ReactNode> = {
  history: <MergeCellsOutlined aria-hidden />,
  sealed: <CloudOutlined aria-hidden />,
  active: <EditOutlined aria-hidden />,
};

function Layer({ layer, work }: { layer: ChainLayerView; work: AtWork | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { role, stored, snapshotName, allocatedBytes } = layer;
  return (
    <Box
      icon={ICON[role]}
      name={t(`instance.chain.role.${role}`)}
      hint={t(`instance.chain.hint.${role}`)}
      look={role}
      work={work}
    >
      {snapshotName !== null && (
        <span>
          {t('instance.chain.shows')} <strong>{snapshotName}</strong>
        </span>
      )}
      <span className="number">{t('instance.chain.onDisk', { bytes: format.bytes(allocatedBytes) })}</span>
      {role !== 'active' && (
        <Tag
          icon={stored ? <CloudOutlined aria-hidden /> : <CloudUploadOutlined aria-hidden />}
          color={stored ? 'success' : 'warning'}
          style={{ alignSelf: 'start' }}
        >
          {t(stored ? 'instance.chain.stored' : 'instance.chain.notStored')}
        </Tag>
      )}
    </Box>
  );
}

interface BoxProps {
  readonly icon: React.ReactNode;
  readonly name: string;
  readonly hint: string;
  readonly look: 'base' | ChainLayerView['role'];
  readonly work: AtWork | null;
  readonly children: React.ReactNode;
}

function Box({ icon, name, hint, look, work, children }: BoxProps) {
  const { t } = useTranslation();
  const { token } = theme.useToken();
  const color = work || look === 'active' ? token.colorPrimary : token.colorTextTertiary;
  return (
    <Flex
      vertical
      gap={4}
      className="chain-box"
      style={{
        borderColor: color,
        borderStyle: look === 'base' ? 'double' : look === 'active' ? 'dashed' : 'solid',
        background: token.colorFillQuaternary,
      }}
    >
      <Flex gap={8}>
        <span aria-hidden>{icon}</span>
        <strong>{name}</strong>
      </Flex>
      <Typography.Text type="secondary" style={{ fontSize: 12 }}>
        {hint}
      </Typography.Text>
      {children}
      {work && (
        <div role="status">
          <span>{t(`instance.chain.${work.what}`)}</span>
          <Progress
            key={work.what}
            size="small"
            percent={work.percent ?? 100}
            showInfo={work.percent !== null}
            status="active"
            aria-label={t(`instance.chain.${work.what}`)}
          />
        </div>
      )}
    </Flex>
  );
}
