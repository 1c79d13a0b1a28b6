import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../common/use-format.ts';
import { useNow } from '../../common/use-now.ts';

/** From its beginning to its end, or until now. */
export function Took({ operation: { startedAt, finishedAt } }: { operation: OperationView }) {
  const format = useFormat();
  if (startedAt === null) return <>–</>;
  if (finishedAt === null) return <SoFar since={startedAt} />;
  return <span className="number">{format.duration(Date.parse(finishedAt) - Date.parse(startedAt))}</span>;
}

function SoFar({ since }: { since: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const now = useNow(1_000);
  return (
    <span className="number">
      {format.duration(Math.max(0, now - Date.parse(since)))} {t('operations.soFar')}
    </span>
  );
}
