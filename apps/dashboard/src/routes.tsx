import { lazy } from 'react';
import { createBrowserRouter } from 'react-router';
import { NoSuchPage, PageError } from './layout/errors.tsx';
import { Shell } from './layout/shell.tsx';
import { LoginPage } from './session/login-page.tsx';

// Each page is loaded when it is gone to. The addresses are part of the interface: Horizon and others link to them.
const OverviewPage = lazy(() => import('./pages/overview/overview-page.tsx'));
const InstancesPage = lazy(() => import('./pages/instances/instances-page.tsx'));
const InstancePage = lazy(() => import('./pages/instance/instance-page.tsx'));
const RollbackPage = lazy(() => import('./pages/instance/rollback-page.tsx'));
const OperationsPage = lazy(() => import('./pages/operations/operations-page.tsx'));
const OperationPage = lazy(() => import('./pages/operations/operation-page.tsx'));
const HostsPage = lazy(() => import('./pages/admin/hosts-page.tsx'));
const AuditPage = lazy(() => import('./pages/admin/audit-page.tsx'));

const page = (path: string, Page: React.ComponentType) => ({ path, element: <Page />, errorElement: <PageError /> });

export const router = createBrowserRouter([
  { path: '/login', element: <LoginPage />, errorElement: <PageError /> },
  {
    path: '/',
    element: <Shell />,
    errorElement: <PageError />,
    children: [
      { index: true, element: <OverviewPage />, errorElement: <PageError /> },
      page('instances', InstancesPage),
      page('instances/:instanceId', InstancePage),
      // The first step is the choice to go back, on the instance's page; the others are here.
      page('instances/:instanceId/rollback', RollbackPage),
      page('operations', OperationsPage),
      page('operations/:operationId', OperationPage),
      page('admin/hosts', HostsPage),
      page('admin/audit', AuditPage),
      { path: '*', element: <NoSuchPage /> },
    ],
  },
]);
