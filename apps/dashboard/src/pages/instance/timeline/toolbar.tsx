import { ExpandOutlined, LeftOutlined, RightOutlined, ZoomInOutlined, ZoomOutOutlined } from '@ant-design/icons';
import { Button, Flex, Space, Tooltip, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../../common/use-format.ts';
import { lengthOf, moved, zoomed } from './scale.ts';
import type { Timeline } from './use-timeline.ts';

/** What gestures and keys do, to be pressed; and what is seen. */
export function Toolbar({ seen: { span, change, showAll, query, whole }, count }: { seen: Timeline; count: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const middle = (span.from + span.to) / 2;
  const buttons = [
    ['earlier', <LeftOutlined aria-hidden />, () => change((now, all) => moved(now, -lengthOf(now) / 2, all))],
    ['zoomOut', <ZoomOutOutlined aria-hidden />, () => change((now, all) => zoomed(now, 2, middle, all))],
    ['zoomIn', <ZoomInOutlined aria-hidden />, () => change((now, all) => zoomed(now, 0.5, middle, all))],
    ['later', <RightOutlined aria-hidden />, () => change((now, all) => moved(now, lengthOf(now) / 2, all))],
    ['all', <ExpandOutlined aria-hidden />, showAll],
  ] as const;
  return (
    <Flex gap={8} justify="space-between" align="center" wrap>
      <Typography.Text
        type="secondary"
        className="number"
        role={whole ? undefined : 'status'}
        aria-busy={query.isPlaceholderData}
      >
        {t('instance.timeline.shown', {
          count,
          from: format.moment(new Date(span.from).toISOString()),
          to: format.moment(new Date(span.to).toISOString()),
        })}
      </Typography.Text>
      <Space.Compact>
        {buttons.map(([name, icon, act]) => (
          <Tooltip key={name} title={t(`instance.timeline.${name}`)}>
            <Button icon={icon} aria-label={t(`instance.timeline.${name}`)} onClick={act} />
          </Tooltip>
        ))}
      </Space.Compact>
    </Flex>
  );
}
