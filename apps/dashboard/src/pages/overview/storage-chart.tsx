import type { StorageHistory } from '@varve/contracts';
import { theme } from 'antd';
import { useTranslation } from 'react-i18next';
import { Area, AreaChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { useFormat } from '../../common/use-format.ts';
import { byteTicks } from './byte-ticks.ts';

/** To be looked at; the table beside it says the same. */
export default function StorageChart({ of, height }: { of: StorageHistory; height: number }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const { token } = theme.useToken();
  const last = of.items.at(-1);
  const day = new Intl.DateTimeFormat(i18n.language, { month: 'short', day: 'numeric' });
  const rows = of.items.map((item) => ({ ...item, ms: Date.parse(item.at) }));
  const span = (rows.at(-1)?.ms ?? 0) - (rows[0]?.ms ?? 0);
  const seconds = span < 600_000 ? ({ second: '2-digit' } as const) : {};
  const hour = new Intl.DateTimeFormat(i18n.language, { hour: '2-digit', minute: '2-digit', ...seconds });
  const marks = byteTicks(
    Math.max(0, ...rows.flatMap(({ fullCopiesBytes, storedBytes }) => [fullCopiesBytes, storedBytes])),
  );
  const axis = { stroke: token.colorTextSecondary, tick: { fill: token.colorTextSecondary, fontSize: 12 } };
  return (
    <div
      role="img"
      aria-label={t('overview.storage.about', {
        stored: format.bytes(last?.storedBytes ?? null),
        full: format.bytes(last?.fullCopiesBytes ?? null),
      })}
    >
      <ResponsiveContainer width="100%" height={height}>
        <AreaChart data={rows} accessibilityLayer={false} margin={{ top: 8, right: 12, bottom: 0, left: 12 }}>
          <CartesianGrid stroke={token.colorBorderSecondary} vertical={false} />
          <XAxis
            {...axis}
            dataKey="ms"
            type="number"
            domain={['dataMin', 'dataMax']}
            tickFormatter={(ms: number) => (span < 172_800_000 ? hour : day).format(ms)}
            minTickGap={40}
          />
          <YAxis
            {...axis}
            width={80}
            ticks={marks}
            domain={[0, marks.at(-1) ?? 0]}
            tickFormatter={(bytes: number) => format.bytes(bytes)}
          />
          <Tooltip
            contentStyle={{ background: token.colorBgElevated, border: `1px solid ${token.colorBorder}` }}
            labelFormatter={(ms) => (typeof ms === 'number' ? format.moment(new Date(ms).toISOString()) : null)}
            formatter={(bytes) => (typeof bytes === 'number' ? format.bytes(bytes) : null)}
          />
          <Legend formatter={(name: string) => <span style={{ color: token.colorText }}>{name}</span>} />
          <Area
            name={t('overview.storage.full')}
            dataKey="fullCopiesBytes"
            stroke={token.colorTextSecondary}
            strokeDasharray="4 3"
            fill={token.colorFillSecondary}
            isAnimationActive={false}
          />
          <Area
            name={t('overview.storage.stored')}
            dataKey="storedBytes"
            stroke={token.colorPrimary}
            fill={token.colorPrimary}
            fillOpacity={0.55}
            isAnimationActive={false}
          />
        </AreaChart>
      </ResponsiveContainer>
    </div>
  );
}
