import { Card, Flex, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { OperationTag } from '../../common/tags.tsx';
import { When } from '../../common/when.tsx';
import { OfInstance } from './operation-table.tsx';
import type { Shown } from './operation-table.tsx';
import { Outcome } from './outcome.tsx';
import { Took } from './took.tsx';

/** The table where there is no room for one. */
export function OperationCards({ items, listedAt }: Shown) {
  const { t } = useTranslation();
  return (
    <Flex component="ul" vertical gap={8} style={{ listStyle: 'none', margin: 0, padding: 0 }}>
      {items.map((operation) => (
        <li key={operation.id}>
          <Card size="small">
            <Flex vertical gap={6}>
              <Flex justify="space-between" gap={8} wrap>
                <Link to={`/operations/${operation.id}`}>{t(`common.kind.${operation.kind}`)}</Link>
                <OperationTag of={operation.state} />
              </Flex>
              <OfInstance operation={operation} />
              <Outcome listed={operation} listedAt={listedAt} />
              <Typography.Text type="secondary">
                <When at={operation.createdAt} /> · <Took operation={operation} />
                {operation.host !== null && ` · ${operation.host}`}
              </Typography.Text>
            </Flex>
          </Card>
        </li>
      ))}
    </Flex>
  );
}
