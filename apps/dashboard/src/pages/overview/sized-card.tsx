import { Card } from 'antd';

interface Props {
  readonly title: string;
  readonly extra?: React.ReactNode;
  /** Of what is in it: room is kept for that before there is an answer, so that nothing moves when it comes. */
  readonly height: number;
  readonly children: React.ReactNode;
}

export function SizedCard({ title, extra, height, children }: Props) {
  return (
    <Card
      title={<h2 style={{ margin: 0, fontSize: 16 }}>{title}</h2>}
      extra={extra}
      size="small"
      className="wrapping-head"
      style={{ height: '100%' }}
      styles={{ body: { minHeight: height, overflow: 'auto' } }}
    >
      {children}
    </Card>
  );
}
