import { Card, Descriptions, Flex, Typography } from 'antd';
import type { InstanceView, RollbackPlanView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../../common/use-format.ts';
import { When } from '../../../common/when.tsx';

/** What a rollback will do, before it is confirmed. */
export function PlanSummary({ instance, plan }: { instance: InstanceView; plan: RollbackPlanView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { target, fetchBytesAtMost, downtime, unsavedBytesAtMost, newerRestorePoints, endsUndoOf } = plan;
  const at = target.sealedAt ?? target.createdAt;
  return (
    <Card size="small" title={t('instance.plan.title')}>
      <Flex vertical gap={12}>
        <Typography.Title level={2} style={{ margin: 0, fontSize: 20 }}>
          {t('instance.plan.to', { name: instance.name, time: format.moment(at) })}
        </Typography.Title>
        <span>
          <When at={at} />
          {target.name !== null && <strong> · {target.name}</strong>}
          {target.consistency !== null && <> · {t(`common.consistency.${target.consistency}`)}</>}
        </span>
        <Descriptions
          size="small"
          column={1}
          bordered
          items={[
            {
              key: 'down',
              label: t('instance.plan.downtime'),
              children:
                instance.state === 'stopped'
                  ? t('instance.plan.notRunning')
                  : downtime === null
                    ? t('instance.plan.downtimeUnknown')
                    : t('instance.plan.downtimeAbout', { time: format.duration(downtime.ms), count: downtime.samples }),
            },
            {
              key: 'fetch',
              label: t('instance.plan.fetch'),
              children:
                fetchBytesAtMost === 0
                  ? t('instance.plan.nothingToFetch')
                  : t('instance.atMost', { value: format.bytes(fetchBytesAtMost) }),
            },
            {
              key: 'unsaved',
              label: t('instance.plan.unsaved'),
              children:
                unsavedBytesAtMost === null
                  ? t('instance.plan.unsavedUnknown')
                  : t('instance.plan.unsavedBytes', { bytes: format.bytes(unsavedBytesAtMost) }),
            },
            { key: 'kept', label: t('instance.plan.kept'), children: t('instance.plan.keptHint') },
            {
              key: 'newer',
              label: t('instance.plan.newer'),
              children: t('instance.plan.newerStay', { count: newerRestorePoints }),
            },
            ...(endsUndoOf === null
              ? []
              : [
                  {
                    key: 'ends',
                    label: t('instance.plan.endsUndo'),
                    children: <Typography.Text type="warning">{t('instance.plan.endsUndoHint')}</Typography.Text>,
                  },
                ]),
          ]}
        />
      </Flex>
    </Card>
  );
}
