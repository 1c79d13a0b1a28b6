import type { OperationView } from '@varve/contracts';
import { Grid, Steps } from 'antd';
import { useTranslation } from 'react-i18next';
import { courseOf } from './course.ts';

/** Of what runs or has succeeded; of what broke off, the journal and the problem say more. */
export function Phases({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().md ?? true;
  const { phases, current } = courseOf(operation);
  return (
    <Steps
      size="small"
      orientation={wide ? 'horizontal' : 'vertical'}
      current={operation.state === 'succeeded' ? phases.length : current}
      items={phases.map((phase, i) => ({
        title: t(`common.phase.${phase}`),
        ...(i === current && operation.state !== 'succeeded' && { 'aria-current': 'step' as const }),
      }))}
    />
  );
}
