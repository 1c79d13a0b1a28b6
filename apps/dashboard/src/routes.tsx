import { createBrowserRouter } from 'react-router';
import type { RouteObject } from 'react-router';
import { Waiting } from './common/query-state.tsx';
import { NoSuchPage, PageError } from './layout/errors.tsx';
import { Shell } from './layout/shell.tsx';
import { LoginPage } from './session/login-page.tsx';

/**
 * A page, loaded when it is gone to. By the router and not by React's own `lazy`, which would show the frame with nothing in
 * it first, and then for 300 ms whatever comes.
 */
const page = (path: string, load: () => Promise<{ default: React.ComponentType }>): RouteObject => ({
  path,
  lazy: async () => ({ Component: (await load()).default }),
  errorElement: <PageError />,
  // Of this very route: what can't be loaded is shown as nothing at all by the router where only one above has it.
  hydrateFallbackElement: <Waiting forCode />,
});

// The addresses are part of the interface: Horizon and others link to them.
export const router = createBrowserRouter([
  { path: '/login', element: <LoginPage />, errorElement: <PageError /> },
  {
    element: <Shell />,
    errorElement: <PageError />,
    children: [
      page('/', () => import('./pages/overview/overview-page.tsx')),
      page('/instances', () => import('./pages/instances/instances-page.tsx')),
      page('/instances/:instanceId', () => import('./pages/instance/instance-page.tsx')),
      // The first step is the choice to go back, on the instance's page; the others are here.
      page('/instances/:instanceId/rollback', () => import('./pages/instance/rollback-page.tsx')),
      page('/operations', () => import('./pages/operations/operations-page.tsx')),
      page('/operations/:operationId', () => import('./pages/operations/operation-page.tsx')),
      page('/admin/hosts', () => import('./pages/admin/hosts-page.tsx')),
      page('/admin/audit', () => import('./pages/admin/audit-page.tsx')),
      { path: '*', element: <NoSuchPage /> },
    ],
  },
]);
