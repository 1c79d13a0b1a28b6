import { Card } from 'antd';

interface Props {
  readonly title: string;
  readonly extra?: React.ReactNode;
  /** Of what is in it: room is kept for that before there is an answer, so that nothing moves when it comes. Pixels. */
  readonly height: number;
  /** Where cards stand one below the other: of what is usually in it, since no other card needs more. */
  readonly stacked?: number;
  readonly children: React.ReactNode;
}

export function SizedCard({ title, extra, height, stacked = height, children }: Props) {
  // The page's own style says which of them counts.
  const room = { '--room': `${height}px`, '--room-stacked': `${stacked}px` } as React.CSSProperties;
  return (
    <Card
      title={<h2 style={{ margin: 0, fontSize: 16 }}>{title}</h2>}
      extra={extra}
      size="small"
      className="sized-card wrapping-head"
      style={{ height: '100%' }}
      styles={{ body: room }}
    >
      {children}
    </Card>
  );
}
