import { Form, Input, Radio } from 'antd';
import type { Quiesce } from '@varve/contracts';
import { CreateSnapshot } from '@varve/contracts';
import { useTranslation } from 'react-i18next';

/** What most want comes first. */
const ORDER: readonly Quiesce[] = ['try', 'require', 'none'];

/** What one says of a snapshot. */
export interface SnapshotSaid {
  readonly name: string;
  readonly quiesce: Quiesce;
}

interface Props {
  readonly nameLabel: string;
  readonly nameHint?: string;
  readonly initialName?: string;
}

/** The fields of {@link SnapshotSaid} of the form around them. */
export function SnapshotFields({ nameLabel, nameHint, initialName = '' }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <Form.Item
        name="name"
        label={nameLabel}
        extra={nameHint}
        initialValue={initialName}
        rules={[
          {
            validator: (_, name: string | undefined) =>
              !name || CreateSnapshot.shape.name.safeParse(name).success
                ? Promise.resolve()
                : Promise.reject(new Error(t('common.quiesce.nameBad'))),
          },
        ]}
      >
        <Input autoFocus maxLength={255} autoComplete="off" />
      </Form.Item>
      <Form.Item name="quiesce" label={t('common.quiesce.label')} initialValue="try">
        <Radio.Group
          aria-label={t('common.quiesce.label')}
          vertical
          options={ORDER.map((value) => ({ value, label: t(`common.quiesce.${value}`) }))}
        />
      </Form.Item>
    </>
  );
}
