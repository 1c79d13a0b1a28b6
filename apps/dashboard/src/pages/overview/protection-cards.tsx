import type { UseQueryResult } from '@tanstack/react-query';
import type { OverviewView, Protection } from '@varve/contracts';
import { Card, Col, Row, Skeleton, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { linkTo } from '../../common/address.ts';
import { ProtectionTag } from '../../common/tags.tsx';
import { useFormat } from '../../common/use-format.ts';

const ALL: readonly Protection[] = ['protected', 'failing', 'unprotected', 'unsupported'];

/** How many are safe; each leads to those that are meant. What went wrong is said by the card of ages, which asks the same. */
export function ProtectionCards({ query }: { query: UseQueryResult<OverviewView> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { data, error } = query;
  return (
    <section aria-label={t('overview.protection')}>
      <Row gutter={[16, 16]}>
        {ALL.map((protection) => (
          <Col key={protection} xs={12} lg={6}>
            <Link
              to={linkTo('/instances', { protection })}
              style={{ color: 'inherit', display: 'block', height: '100%' }}
            >
              <Card size="small" hoverable style={{ height: '100%' }} styles={{ body: { minHeight: 126 } }}>
                <ProtectionTag of={protection} />
                <div className="number" style={{ fontSize: 32, lineHeight: '40px', minHeight: 40 }}>
                  {data ? (
                    format.count(data.instances[protection])
                  ) : error ? (
                    '–'
                  ) : (
                    <Skeleton.Button active size="small" />
                  )}
                </div>
                <Typography.Text type="secondary">{t(`overview.about.${protection}`)}</Typography.Text>
              </Card>
            </Link>
          </Col>
        ))}
      </Row>
    </section>
  );
}
