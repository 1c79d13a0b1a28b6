import { QueryClientProvider } from '@tanstack/react-query';
import { App as AntApp, ConfigProvider } from 'antd';
import enUS from 'antd/locale/en_US';
import zhCN from 'antd/locale/zh_CN';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { RouterProvider } from 'react-router';
import { makeQueryClient } from './api/query-client.ts';
import { themeOf } from './layout/theme.ts';
import { PreferencesProvider, usePreferences } from './layout/preferences.tsx';
import { router } from './routes.tsx';
import { SessionProvider } from './session/session.tsx';

export function App() {
  const queries = useMemo(makeQueryClient, []);
  return (
    <PreferencesProvider>
      <Themed>
        <QueryClientProvider client={queries}>
          <SessionProvider>
            <RouterProvider router={router} />
          </SessionProvider>
        </QueryClientProvider>
      </Themed>
    </PreferencesProvider>
  );
}

function Themed({ children }: { children: React.ReactNode }) {
  const { dark } = usePreferences();
  const { i18n } = useTranslation();
  return (
    <ConfigProvider
      button={{ autoInsertSpace: false }}
      theme={themeOf(dark)}
      locale={i18n.language === 'zh-CN' ? zhCN : enUS}
    >
      <AntApp style={{ height: '100%' }}>{children}</AntApp>
    </ConfigProvider>
  );
}
