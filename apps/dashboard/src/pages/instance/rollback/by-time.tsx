import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Flex, Form, Input, Typography } from 'antd';
import type { SnapshotView } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../../api/api.ts';
import { keys } from '../../../api/keys.ts';
import { QueryState } from '../../../common/query-state.tsx';
import { useFormat } from '../../../common/use-format.ts';
import { useNow } from '../../../common/use-now.ts';
import { typedTime } from './typed-time.ts';

/** Finds the newest point that is not later than a time, as typed or picked. */
export function ByTime({ instanceId, onChoose }: { instanceId: string; onChoose: (point: SnapshotView) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [text, setText] = useState('');
  /** What is looked for: a point found stays the one that is shown. */
  const [asked, setAsked] = useState<string | null>(null);
  const typeIn = (value: string): void => {
    setText(value);
    setAsked(null); // what was found was for another time
  };
  const typed = typedTime(text, useNow());
  const bad = text.trim() !== '' && typed === null;
  return (
    <Flex vertical gap={8}>
      <Form layout="vertical" onFinish={() => typed && setAsked(typed.toISOString())}>
        <Flex gap={8} wrap align="start">
          <Form.Item
            label={t('instance.byTime.label')}
            htmlFor="by-time"
            validateStatus={bad ? 'error' : ''}
            help={
              bad
                ? t('instance.byTime.bad')
                : typed
                  ? t('instance.byTime.read', { time: format.moment(typed.toISOString()) })
                  : t('instance.byTime.hint')
            }
            style={{ flex: '1 1 260px', marginBottom: 0 }}
          >
            <Input
              id="by-time"
              value={text}
              placeholder="2026-11-23 04:05"
              autoComplete="off"
              onChange={({ target }) => typeIn(target.value)}
            />
          </Form.Item>
          <Form.Item
            label={t('instance.byTime.pick')}
            htmlFor="by-calendar"
            style={{ flex: '0 1 220px', marginBottom: 0 }}
          >
            <Input
              id="by-calendar"
              type="datetime-local"
              step={1}
              onChange={({ target }) => typeIn(target.value.replace('T', ' '))}
            />
          </Form.Item>
          <Form.Item label=" " colon={false} style={{ marginBottom: 0 }}>
            <Button htmlType="submit" disabled={typed === null}>
              {t('instance.byTime.find')}
            </Button>
          </Form.Item>
        </Flex>
      </Form>
      {asked !== null && <Found instanceId={instanceId} at={asked} onChoose={onChoose} />}
    </Flex>
  );
}

interface FoundProps {
  readonly instanceId: string;
  readonly at: string;
  readonly onChoose: (point: SnapshotView) => void;
}

function Found({ instanceId, at, onChoose }: FoundProps) {
  const { t } = useTranslation();
  const api = useApi();
  const format = useFormat();
  const found = useQuery({
    queryKey: [...keys.points(instanceId), 'not later', at],
    queryFn: async ({ signal }) =>
      (await api.restorePointPage(instanceId, { to: at, limit: 1 }, { signal })).items[0] ?? null,
  });
  return (
    <div role="status">
      <QueryState query={found}>
        {(point) =>
          point === null ? (
            <Alert type="warning" showIcon title={t('instance.byTime.none', { time: format.moment(at) })} />
          ) : (
            <Alert
              type="info"
              title={
                <Flex gap={8} wrap justify="space-between" align="center">
                  <span>
                    {t('instance.byTime.found')} <strong>{format.moment(point.sealedAt ?? point.createdAt)}</strong>
                    {point.name !== null && <Typography.Text> ({point.name})</Typography.Text>}
                  </span>
                  <Button type="primary" onClick={() => onChoose(point)}>
                    {t('instance.rollback.choose')}
                  </Button>
                </Flex>
              }
            />
          )
        }
      </QueryState>
    </div>
  );
}
