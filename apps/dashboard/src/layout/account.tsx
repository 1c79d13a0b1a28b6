import { LogoutOutlined, UserOutlined } from '@ant-design/icons';
import { useMutation } from '@tanstack/react-query';
import { App, Button, Dropdown, Flex, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { useApi } from '../api/api.ts';
import { useSaid } from '../common/use-said.ts';
import { useSession } from '../session/session.tsx';

/** Who one is, in which project, and the way out. */
export function Account() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const { login, leave } = useSession();
  const api = useApi();
  const out = useMutation({
    mutationFn: () => api.logout(),
    // Gone from this browser in any case.
    onSettled: () => leave('asked'),
    onError: () => void message.warning(t('session.notRevoked')),
  });
  if (!login) return null;
  const { session, userName, projectName } = login;
  return (
    <Flex gap={8} align="center">
      {login.projects.length > 1 && <ChangeProject />}
      <Dropdown
        trigger={['click']}
        placement="bottomRight"
        menu={{
          items: [
            {
              key: 'project',
              disabled: true,
              label: `${t('common.settings.project')}: ${projectName ?? session.projectId} (${session.roles.join(', ')})`,
            },
            { type: 'divider' },
            { key: 'logout', icon: <LogoutOutlined />, label: t('common.settings.logout') },
          ],
          onClick: ({ key }) => {
            if (key === 'logout') out.mutate();
          },
        }}
      >
        <Button icon={<UserOutlined />} aria-label={`${t('common.settings.account')}: ${userName ?? session.userId}`}>
          {userName ?? session.userId}
        </Button>
      </Dropdown>
    </Flex>
  );
}

function ChangeProject() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const said = useSaid();
  const { login, enter } = useSession();
  const api = useApi();
  const change = useMutation({
    mutationFn: (projectId: string) => api.login({ method: 'token', token: login?.token ?? '', projectId }),
    onSuccess: enter,
    onError: (error) => void message.error(said.problem(error).title),
  });
  return (
    <Select
      aria-label={t('session.changeProject')}
      value={login?.session.projectId}
      loading={change.isPending}
      onChange={(id) => change.mutate(id)}
      options={(login?.projects ?? []).map(({ id, name }) => ({ value: id, label: name }))}
      style={{ minWidth: 140 }}
    />
  );
}
