import { Flex, Typography } from 'antd';
import { useEffect } from 'react';

/** A page's heading, which is the window's title too, and what can be done there. */
export function PageTitle({
  title,
  children,
  extra,
}: {
  title: string;
  children?: React.ReactNode;
  extra?: React.ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Varve`;
  }, [title]);
  return (
    <Flex justify="space-between" align="center" gap={12} wrap style={{ marginBottom: 16 }}>
      <Flex align="center" gap={12} wrap>
        <Typography.Title level={1} style={{ margin: 0, fontSize: 24 }}>
          {title}
        </Typography.Title>
        {children}
      </Flex>
      <Flex gap={8} wrap>
        {extra}
      </Flex>
    </Flex>
  );
}
