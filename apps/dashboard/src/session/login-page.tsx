import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Form, Input, Tabs, Typography } from 'antd';
import type { Login as LoginRequest } from '@varve/contracts';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useLocation, useNavigate } from 'react-router';
import { clientFor } from '../api/api.ts';
import { Choices } from '../layout/choices.tsx';
import { ProblemAlert } from '../common/problem-alert.tsx';
import { QueryState } from '../common/query-state.tsx';
import { useSession } from './session.tsx';
import logo from '../varve.svg';

type Method = LoginRequest['method'];
const METHODS: Record<'static' | 'keystone', readonly Method[]> = {
  static: ['token'],
  keystone: ['password', 'application_credential', 'token'],
};

/** Where one comes in, and where a login that ended is taken up again: the way back is kept in the history's state. */
export function LoginPage() {
  const { t } = useTranslation();
  const { login, left } = useSession();
  const { state } = useLocation() as { state: { from?: string } | null };
  const client = useMemo(() => clientFor(''), []);
  const given = useTokenOfLink(login === null);
  const about = useQuery({ queryKey: ['about'], queryFn: ({ signal }) => client.about({ signal }) });
  if (login) return <Navigate to={state?.from ?? '/'} replace />;
  return (
    <Flex vertical align="center" component="main" style={{ minHeight: '100%', padding: 16 }} gap={16}>
      <Card style={{ width: '100%', maxWidth: 420, marginTop: '8vh' }}>
        <Flex vertical gap={16}>
          <Flex align="center" gap={12}>
            <img src={logo} alt="" width={36} height={36} />
            <Typography.Title level={1} style={{ margin: 0, fontSize: 22 }}>
              {t('session.title')}
            </Typography.Title>
          </Flex>
          {left === 'expired' && <Alert type="warning" showIcon title={t('session.expired')} role="status" />}
          {left === 'asked' && <Alert type="info" showIcon title={t('session.out')} role="status" />}
          <QueryState query={about}>{({ identity }) => <Ways methods={METHODS[identity]} given={given} />}</QueryState>
        </Flex>
      </Card>
      <Choices />
    </Flex>
  );
}

const TAB = {
  token: 'session.tokenTab',
  password: 'session.passwordTab',
  application_credential: 'session.credentialTab',
} as const;

function Ways({ methods, given }: { methods: readonly Method[]; given: string | undefined }) {
  const { t } = useTranslation();
  const [only] = methods;
  if (methods.length === 1 && only) return <Way method={only} given={given} />;
  return (
    <Tabs
      key={given}
      {...(given !== undefined && { defaultActiveKey: 'token' })}
      items={methods.map((method) => ({
        key: method,
        label: t(TAB[method]),
        children: <Way method={method} given={given} />,
      }))}
    />
  );
}

/**
 * A token that came with the link, to be put into the field. It leaves the address at once, which is kept and shown.
 *
 * @param wanted - whoever is logged in is on the way to another page
 */
function useTokenOfLink(wanted: boolean): string | undefined {
  const { hash, pathname, state } = useLocation();
  const navigate = useNavigate();
  const [given, setGiven] = useState<string>();
  useEffect(() => {
    const token = new URLSearchParams(hash.slice(1)).get('token');
    if (token === null || !wanted) return;
    setGiven(token);
    void navigate(pathname, { replace: true, state });
  }, [hash, pathname, state, navigate, wanted]);
  return given;
}

function Way({ method, given }: { method: Method; given: string | undefined }) {
  const { t } = useTranslation();
  const { enter } = useSession();
  const client = useMemo(() => clientFor(''), []);
  const asking = useMutation({ mutationFn: (body: LoginRequest) => client.login(body), onSuccess: enter });
  const needed = [{ required: true, message: t('session.needed') }];
  return (
    <Form
      layout="vertical"
      requiredMark={false}
      key={given}
      initialValues={{ token: given, domain: 'Default' }}
      onFinish={(fields: Record<string, string | undefined>) => asking.mutate(requestOf(method, fields))}
    >
      {method === 'token' && (
        <Form.Item name="token" label={t('session.token')} rules={needed} extra={t('session.tokenHint')}>
          <Input.Password autoFocus autoComplete="off" />
        </Form.Item>
      )}
      {method === 'password' && (
        <>
          <Form.Item name="user" label={t('session.user')} rules={needed}>
            <Input autoFocus autoComplete="username" />
          </Form.Item>
          <Form.Item name="password" label={t('session.password')} rules={needed}>
            <Input.Password autoComplete="current-password" />
          </Form.Item>
          <Form.Item name="domain" label={t('session.domain')}>
            <Input />
          </Form.Item>
          <Form.Item name="project" label={t('session.project')}>
            <Input />
          </Form.Item>
        </>
      )}
      {method === 'application_credential' && (
        <>
          <Form.Item name="id" label={t('session.credentialId')} rules={needed}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name="secret" label={t('session.credentialSecret')} rules={needed}>
            <Input.Password autoComplete="off" />
          </Form.Item>
        </>
      )}
      <Flex vertical gap={12}>
        {asking.error && <ProblemAlert error={asking.error} />}
        <Button type="primary" htmlType="submit" loading={asking.isPending} block>
          {t('session.enter')}
        </Button>
      </Flex>
    </Form>
  );
}

function requestOf(method: Method, fields: Record<string, string | undefined>): LoginRequest {
  const given = (name: string): string => fields[name]?.trim() ?? '';
  switch (method) {
    case 'token':
      return { method, token: given('token') };
    case 'application_credential':
      return { method, id: given('id'), secret: given('secret') };
    case 'password': {
      const [project, domain] = [given('project'), given('domain') || 'Default'];
      return {
        method,
        user: given('user'),
        domain,
        password: fields['password'] ?? '',
        ...(project !== '' && { project, projectDomain: domain }),
      };
    }
  }
}
