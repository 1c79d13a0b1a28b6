import type { OperationView } from '@varve/contracts';
import { Grid, Steps } from 'antd';
import { useTranslation } from 'react-i18next';
import { courseOf } from './course.ts';

/** How far it is, or was when it broke off. */
export function Phases({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().md ?? true;
  const { phases, current } = courseOf(operation);
  const { state } = operation;
  const brokeOff = state === 'failed' || state === 'cancelled' ? state : null;
  return (
    <Steps
      size="small"
      orientation={wide ? 'horizontal' : 'vertical'}
      current={state === 'succeeded' ? phases.length : current}
      {...(brokeOff !== null && { status: 'error' as const })}
      items={phases.map((phase, i) => ({
        title: t(`common.phase.${phase}`),
        ...(brokeOff !== null && i === current && { content: t(`operations.brokeOff.${brokeOff}`) }),
        ...(i === current && state !== 'succeeded' && { 'aria-current': 'step' as const }),
      }))}
    />
  );
}
