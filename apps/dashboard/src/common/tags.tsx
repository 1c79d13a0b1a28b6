import {
  CheckCircleOutlined,
  ClockCircleOutlined,
  CloseCircleOutlined,
  MinusCircleOutlined,
  StopOutlined,
  SyncOutlined,
  WarningOutlined,
} from '@ant-design/icons';
import { Tag } from 'antd';
import type { InstanceView, OperationState, Protection, SnapshotStatus } from '@varve/contracts';
import { useTranslation } from 'react-i18next';

// States, each by colour, picture and word: no one of them alone says it.

type Look = { readonly color: string; readonly icon: React.ReactNode };

const PROTECTION: Record<Protection, Look> = {
  protected: { color: 'success', icon: <CheckCircleOutlined /> },
  failing: { color: 'error', icon: <WarningOutlined /> },
  unprotected: { color: 'warning', icon: <MinusCircleOutlined /> },
  unsupported: { color: 'default', icon: <StopOutlined /> },
};
const OPERATION: Record<OperationState, Look> = {
  queued: { color: 'default', icon: <ClockCircleOutlined /> },
  running: { color: 'processing', icon: <SyncOutlined spin /> },
  succeeded: { color: 'success', icon: <CheckCircleOutlined /> },
  failed: { color: 'error', icon: <CloseCircleOutlined /> },
  cancelled: { color: 'default', icon: <StopOutlined /> },
};
const SNAPSHOT: Record<SnapshotStatus, Look> = {
  creating: { color: 'processing', icon: <SyncOutlined spin /> },
  available: { color: 'success', icon: <CheckCircleOutlined /> },
  restoring: { color: 'processing', icon: <SyncOutlined spin /> },
  deleting: { color: 'default', icon: <SyncOutlined spin /> },
  error: { color: 'error', icon: <CloseCircleOutlined /> },
};
const POWER: Record<InstanceView['state'], string> = {
  running: 'success',
  paused: 'warning',
  stopped: 'default',
  unknown: 'default',
};

export function ProtectionTag({ of }: { of: Protection }) {
  const { t } = useTranslation();
  return <Tag {...PROTECTION[of]}>{t(`common.protection.${of}`)}</Tag>;
}

export function OperationTag({ of }: { of: OperationState }) {
  const { t } = useTranslation();
  return <Tag {...OPERATION[of]}>{t(`common.operationState.${of}`)}</Tag>;
}

export function SnapshotTag({ of }: { of: SnapshotStatus }) {
  const { t } = useTranslation();
  return <Tag {...SNAPSHOT[of]}>{t(`common.snapshotStatus.${of}`)}</Tag>;
}

export function PowerTag({ of }: { of: InstanceView['state'] }) {
  const { t } = useTranslation();
  return <Tag color={POWER[of]}>{t(`common.power.${of}`)}</Tag>;
}
