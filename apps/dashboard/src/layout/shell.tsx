import {
  AppstoreOutlined,
  AuditOutlined,
  BookOutlined,
  ClusterOutlined,
  DashboardOutlined,
  MenuOutlined,
  UnorderedListOutlined,
} from '@ant-design/icons';
import { Button, Drawer, Flex, Grid, Layout, Menu } from 'antd';
import type { MenuProps } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, Outlet, useLocation, useNavigation, useSearchParams } from 'react-router';
import { LiveBanner, LiveProvider } from '../api/live.tsx';
import { store, stored } from '../common/local.ts';
import { Waiting } from '../common/query-state.tsx';
import { useMay, useSession } from '../session/session.tsx';
import { Account } from './account.tsx';
import { Choices } from './choices.tsx';
import logo from '../varve.svg';

/** What is around each page. Come to with `?embed=1`, as in a frame of Horizon, there is nothing, wherever one goes on. */
export function Shell() {
  const { login } = useSession();
  const { pathname, search } = useLocation();
  const [params] = useSearchParams();
  const [embedded] = useState(() => isEmbedded(params));
  if (!login) return <Navigate to="/login" state={{ from: pathname + search }} replace />;
  return (
    <LiveProvider>
      {embedded ? (
        <main style={{ padding: 16 }}>
          <Content />
        </main>
      ) : (
        <Framed />
      )}
    </LiveProvider>
  );
}

/** Also after a reload or a new login in the frame, when the address says nothing of it any more; until one says `embed=0`. */
function isEmbedded(params: URLSearchParams): boolean {
  const said = params.get('embed');
  if (said === null) return window.parent !== window && stored('embed', 'tab') !== null;
  store('embed', said === '1' ? said : null, 'tab');
  return said === '1';
}

function Framed() {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().lg ?? true;
  const [open, setOpen] = useState(false);
  return (
    <Layout style={{ minHeight: '100%' }}>
      <a className="skip-link" href="#content">
        {t('common.skipToContent')}
      </a>
      {wide && (
        <Layout.Sider theme="light" width={220} style={{ position: 'sticky', top: 0, height: '100vh' }}>
          <Brand />
          <Navigation />
        </Layout.Sider>
      )}
      <Layout>
        <Flex component="header" align="center" gap={12} justify="space-between" style={{ padding: '8px 16px' }} wrap>
          {wide ? (
            <span />
          ) : (
            <Flex align="center" gap={8}>
              <Button
                icon={<MenuOutlined />}
                aria-label={t('common.nav.menu')}
                aria-expanded={open}
                onClick={() => setOpen(true)}
              />
              <Brand />
            </Flex>
          )}
          <Flex gap={8} wrap align="center">
            {wide && <Choices />}
            <Account />
          </Flex>
        </Flex>
        {!wide && (
          <Drawer open={open} onClose={() => setOpen(false)} placement="left" size={280} title={t('common.nav.menu')}>
            <Flex vertical gap={16}>
              <Navigation onChosen={() => setOpen(false)} />
              <Choices />
            </Flex>
          </Drawer>
        )}
        <main id="content" tabIndex={-1} style={{ padding: wide ? '8px 24px 24px' : '4px 12px 24px', outline: 'none' }}>
          <Content />
        </main>
      </Layout>
    </Layout>
  );
}

/** So long, the page before stays while the next one is loaded: most come sooner. Milliseconds. */
const SOON_MS = 300;

/** A page's own failure (see errors.tsx) leaves the way to the others. */
function Content() {
  const loading = useNavigation().state === 'loading';
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!loading) return;
    const timer = setTimeout(() => setLate(true), SOON_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [loading]);
  return (
    <>
      <LiveBanner />
      {late ? <Waiting forCode /> : <Outlet />}
    </>
  );
}

const Brand = () => (
  <Link to="/" style={{ display: 'flex', alignItems: 'center', gap: 10, padding: 12, color: 'inherit' }}>
    <img src={logo} alt="" width={28} height={28} />
    <strong style={{ fontSize: 18 }}>Varve</strong>
  </Link>
);

const PAGES = ['/instances', '/operations', '/admin/hosts', '/admin/audit'];

/** Schedules, retention, quotas and verification get their group between operations and administration. */
function Navigation({ onChosen }: { onChosen?: () => void }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const [seesHosts, seesAudit] = [useMay('hosts:list'), useMay('audit:list')];
  const link = (key: string, icon: React.ReactNode, label: string): NonNullable<MenuProps['items']>[number] => ({
    key,
    icon,
    label: <Link to={key}>{label}</Link>,
  });
  const items: MenuProps['items'] = [
    link('/', <DashboardOutlined />, t('common.nav.overview')),
    link('/instances', <AppstoreOutlined />, t('common.nav.instances')),
    link('/operations', <UnorderedListOutlined />, t('common.nav.operations')),
    ...(seesHosts || seesAudit
      ? [
          {
            type: 'group' as const,
            key: 'admin',
            label: t('common.nav.admin'),
            children: [
              ...(seesHosts ? [link('/admin/hosts', <ClusterOutlined />, t('common.nav.hosts'))] : []),
              ...(seesAudit ? [link('/admin/audit', <AuditOutlined />, t('common.nav.audit'))] : []),
            ],
          },
        ]
      : []),
    { type: 'divider' },
    { key: '/docs', icon: <BookOutlined />, label: <a href="/docs/">{t('common.nav.docs')}</a> },
  ];
  const at = pathname === '/' ? '/' : PAGES.find((path) => pathname.startsWith(path));
  return (
    <nav aria-label={t('common.nav.label')}>
      <Menu
        mode="inline"
        selectedKeys={at === undefined ? [] : [at]}
        items={items}
        onClick={onChosen}
        style={{ borderInlineEnd: 0 }}
      />
    </nav>
  );
}
