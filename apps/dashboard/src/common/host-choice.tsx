import { useTranslation } from 'react-i18next';
import { useHosts } from '../api/hosts.ts';
import { Choice } from './choice.tsx';

interface Props {
  readonly value: string | undefined;
  /** Of what is on the page: all there is to choose from for those who may not list hosts. */
  readonly seen: readonly (string | null)[];
  readonly onChoose: (host: string | null) => void;
}

export function HostChoice({ value, seen, onChoose }: Props) {
  const { t } = useTranslation();
  const hosts: string[] = useHosts().data?.map(({ name }) => name) ?? [];
  const all = [...new Set([...hosts, ...seen.filter((one) => one !== null)])].sort();
  return (
    <Choice
      label={t('instances.host')}
      value={value}
      options={all.map((name) => ({ value: name, label: name }))}
      onChoose={onChoose}
      many
    />
  );
}
